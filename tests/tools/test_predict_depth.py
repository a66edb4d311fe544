"""Predicted depth for colour datasets: metres, whatever the family of the model."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from tests import fabricate
from tests.conftest import ROOT
from tests.tools.test_dataset_converters import convert, samples


@pytest.fixture
def depth_model(tmp_path):
    """A tiny random depth-estimation model that predicts metres, as a Hugging Face folder."""
    from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation, Dinov2Config, DPTImageProcessor

    backbone = Dinov2Config(
        hidden_size=16,
        num_hidden_layers=4,
        num_attention_heads=2,
        image_size=56,
        patch_size=14,
        out_features=[f'stage{i}' for i in range(1, 5)],
        reshape_hidden_states=False,
    )
    config = DepthAnythingConfig(
        backbone_config=backbone,
        reassemble_hidden_size=16,
        neck_hidden_sizes=[8, 8, 8, 8],
        fusion_hidden_size=8,
        head_hidden_size=4,
        depth_estimation_type='metric',
        max_depth=20,
    )
    torch.manual_seed(0)
    DepthAnythingForDepthEstimation(config).save_pretrained(tmp_path / 'model')
    DPTImageProcessor(size=dict(height=56, width=56), ensure_multiple_of=14, keep_aspect_ratio=False).save_pretrained(
        tmp_path / 'model'
    )
    return tmp_path / 'model'


def test_predicted_depth_for_ade20k_and_cocostuff(tmp_path, monkeypatch, depth_model):
    ade, coco = tmp_path / 'ade/ADEChallengeData2016', tmp_path / 'coco_stuff164k'
    fabricate.fabricate_ade20k(ade)
    fabricate.fabricate_cocostuff(coco)
    assert convert('label_ids', 'cocostuff', coco).returncode == 0
    for root in (ade, coco):
        done = convert('predict_depth', root, '--model', depth_model, '--device', 'cpu')
        assert done.returncode == 0 and '2 depth maps written' in done.stdout, done.stderr
    first = next(ade.glob('images/training/*_depth.png'))
    before = first.read_bytes()
    next(ade.glob('images/validation/*_depth.png')).unlink()  # an interrupted run
    done = convert('predict_depth', ade, '--model', depth_model, '--device', 'cpu')
    assert '1 depth maps written' in done.stdout and first.read_bytes() == before
    for name, labels in (('ade20k', [255, 0, 149]), ('cocostuff', [0, 170, 255])):
        for sample in samples(monkeypatch, tmp_path, name):
            assert (
                0 < sample['depth'].min() <= sample['depth'].max() <= 20
                and sample['depth'].shape == sample['img'].shape[:2]
            )
            assert (sample['gt_seg_map'] == fabricate.stripes(labels)).all()
    for colour in ade.glob('images/training/*.jpg'):
        colour.rename(colour.with_suffix('.png'))
    done = convert('predict_depth', ade, '--model', depth_model, '--device', 'cpu', '--images', 'images/training/*.png')
    assert done.returncode == 0 and '0 depth maps written' in done.stdout  # depth is not taken for images
    for colour in ade.glob('images/training/*[0-9].png'):
        colour.rename(colour.with_suffix('.jpg'))
    told = convert('label_ids', 'ade20k', ade, '--verify')
    assert told.returncode == 0 and 'ADE20KRGBDDataset: 1 images' in told.stdout


@pytest.fixture
def predict_depth(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / 'tools/dataset_converters'))
    import predict_depth

    return predict_depth


def stand_in(monkeypatch, predict_depth, processor, model, lacking=()):
    report = dict(missing_keys=list(lacking), mismatched_keys=[])
    monkeypatch.setattr(predict_depth.AutoImageProcessor, 'from_pretrained', lambda name: processor)
    monkeypatch.setattr(
        predict_depth.AutoModelForDepthEstimation, 'from_pretrained', lambda name, **kwargs: (model, report)
    )


class Brightness(torch.nn.Module):
    """Its depth is the brightness of what the processor hands over, padding included."""

    def __init__(self, config):
        super().__init__()
        self.config = config

    def forward(self, pixel_values):
        return SimpleNamespace(predicted_depth=pixel_values.mean(1))


def test_zoedepth_is_not_shifted_by_its_padding(monkeypatch, predict_depth):
    from transformers import DPTConfig, ZoeDepthConfig, ZoeDepthImageProcessor

    processor = ZoeDepthImageProcessor(size=dict(height=128, width=128), ensure_multiple_of=32, keep_aspect_ratio=False)
    assert processor.do_pad
    model = Brightness(ZoeDepthConfig())
    stand_in(monkeypatch, predict_depth, processor, model)
    image = np.zeros((64, 80, 3), np.uint8)
    image[10:20] = 255
    depth = predict_depth.predict(*predict_depth.load('zoe', 'cpu')[::-1], image, 'cpu')
    assert (
        depth.shape == (64, 80) and (depth[12:18].min() > depth[:8].max()) and (depth[12:18].min() > depth[22:].max())
    )
    model.config = DPTConfig()
    with pytest.raises(predict_depth.WeightsError, match="family 'dpt' may predict relative"):
        predict_depth.load('dpt', 'cpu')
    assert predict_depth.load('dpt', 'cpu', trusted=True)
    stand_in(monkeypatch, predict_depth, processor, model, ['head.conv1.weight'])
    with pytest.raises(predict_depth.WeightsError, match='lack 1 tensors of the model, e.g. head.conv1.weight'):
        predict_depth.load('dpt', 'cpu', trusted=True)


def test_depth_pro_is_turned_from_inverse_depth_into_metres(monkeypatch, predict_depth):
    """Its raw output is canonical inverse depth.

    Metres are focal length / (width x output), from the field of view in degrees.
    """
    from transformers import DepthProConfig, DepthProImageProcessor

    processor = DepthProImageProcessor(size=dict(height=64, width=64))
    outputs = SimpleNamespace(predicted_depth=torch.full((1, 64, 64), 0.25), field_of_view=torch.tensor([90.0]))
    model = Brightness(DepthProConfig())
    model.forward = lambda pixel_values: outputs
    stand_in(monkeypatch, predict_depth, processor, model)
    depth = predict_depth.predict(*predict_depth.load('pro', 'cpu')[::-1], np.zeros((48, 64, 3), np.uint8), 'cpu')
    np.testing.assert_allclose(
        depth, np.full((48, 64), 0.5 / 0.25), rtol=1e-5
    )  # at 90 degrees the focal length is half the width


def test_relative_depth_is_refused(tmp_path, depth_model):
    config = depth_model / 'config.json'
    config.write_text(config.read_text().replace('"metric"', '"relative"'))
    fabricate.fabricate_ade20k(tmp_path / 'ade')
    done = convert('predict_depth', tmp_path / 'ade', '--model', depth_model, '--device', 'cpu')
    assert done.returncode == 2 and 'predicts relative depth' in done.stderr
    done = convert('predict_depth', tmp_path / 'ade', '--model', tmp_path / 'nothing', '--device', 'cpu')
    assert done.returncode == 2 and 'no such depth-estimation model' in done.stderr
