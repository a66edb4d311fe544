"""Models of hosts on data of one's own, whatever the test data of their config are."""

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config

from mmvd.apis import RGBDSegInferencer
from mmvd.apis.inputs import InputReader
from mmvd.apis.packing import pack
from mmvd.errors import ConfigError, SampleError
from mmvd.registry import MODELS
from tests.apis.conftest import DEPTH, RGB
from tests.conftest import ROOT

OF_NYU = dict(type='mmvd.NYUv2SegDataset', data_root='x', split='test')
OF_SUN = dict(type='mmvd.SUNRGBDSegDataset', data_root='x', ann_file='test.txt')


def inferencer(folder, dataset: dict, depth: dict | None = None, loader: str = 'test_dataloader', nest: bool = False):
    """Of a tiny segmentor, packed, whose test data are others."""
    config = Config.fromfile(ROOT / 'configs/seg/m2f_vd_rooms_tiny.py')
    steps = [dict(type='LoadImageFromFile'), dict(type='mmvd.LoadDepth', **(depth or {}))]
    steps += [step for step in config.test_dataloader.dataset.pipeline if 'Load' not in step.type]
    pipeline = [dict(type='Compose', transforms=steps)] if nest else steps
    config.test_dataloader = config.val_dataloader = None
    config[loader] = dict(dataset=dict(dataset, pipeline=pipeline))
    model = MODELS.build(config.model)
    model.dataset_meta = dict(classes=['c'] * 17)
    pack(model, config, folder / 'model', 'test')
    return RGBDSegInferencer(folder / 'model', device='cpu')


def seen_by(run, monkeypatch, inputs, **settings) -> np.ndarray:
    frames = []
    monkeypatch.setattr(run, 'predict', lambda found: frames.extend(found) or [{}] * len(found))
    run(inputs, **settings)
    return frames[-1].depth_m


@pytest.mark.parametrize('dataset', [OF_NYU, OF_SUN], ids=lambda dataset: dataset['type'])
def test_arrays_and_float_files_have_no_decoder_of_the_test_data(tmp_path, monkeypatch, dataset):
    run = inferencer(tmp_path, dataset)
    for depth, unit in ((DEPTH, None), (DEPTH * 1000, 'mm'), (torch.from_numpy(DEPTH), 'm')):
        np.testing.assert_allclose(seen_by(run, monkeypatch, (RGB, depth), depth_unit=unit), DEPTH, rtol=1e-5)
    np.testing.assert_allclose(seen_by(run, monkeypatch, (RGB[None], DEPTH[None])), DEPTH)
    np.save(tmp_path / 'd.npy', DEPTH)
    np.testing.assert_allclose(seen_by(run, monkeypatch, (RGB, tmp_path / 'd.npy')), DEPTH)
    with pytest.raises(ConfigError, match="decoder='sunrgbd': depth is no file"):  # which the user has said
        run((RGB, DEPTH), decoder='sunrgbd')


@pytest.mark.parametrize(
    'dataset, depth, metres',
    [
        (OF_NYU, {}, 16.0),
        (OF_NYU, dict(decoder='div5000'), 3.2),
        (OF_SUN, {}, 2.0),
        (dict(OF_SUN, paper_compat=True), {}, 4.0),
        (dict(OF_SUN, paper_compat=True), dict(decoder='mm16'), 16.0),
    ],
)
@pytest.mark.parametrize('nest', [False, True])
def test_files_are_read_as_the_pipeline_reads_them(tmp_path, monkeypatch, dataset, depth, metres, nest):
    cv2.imwrite(str(tmp_path / 'rgb.png'), RGB)
    cv2.imwrite(str(tmp_path / 'depth.png'), np.full(DEPTH.shape, 16000, np.uint16))
    run = inferencer(tmp_path, dataset, depth, nest=nest)
    assert seen_by(run, monkeypatch, (tmp_path / 'rgb.png', tmp_path / 'depth.png')).max() == pytest.approx(metres)


def test_a_nested_pipeline_and_validation_data_serve(tmp_path):
    for name, settings in (('a', dict(nest=True)), ('b', dict(loader='val_dataloader'))):
        (tmp_path / name).mkdir()
        run = inferencer(tmp_path / name, OF_NYU, **settings)
        assert run((RGB, DEPTH))['predictions'][0]['sem_seg'].shape == DEPTH.shape


def test_more_classes_than_a_byte_holds(tmp_path, monkeypatch):
    run = inferencer(tmp_path, OF_NYU)
    labels = torch.full((1, *DEPTH.shape), 280)
    predict = run.model.forward

    def many(*args, **kwargs):
        samples = predict(*args, **kwargs)
        for sample in samples:
            sample.pred_sem_seg.data = labels
        return samples

    monkeypatch.setattr(run.model, 'forward', many)
    run.model.decode_head.num_classes = run.model.num_classes = 300
    run.meta = {}
    found = run((RGB, DEPTH), out_dir=tmp_path / 'out', no_save_vis=True)['predictions'][0]['sem_seg']
    assert found.dtype == np.uint16 and (found == 280).all()
    assert (cv2.imread(str(tmp_path / 'out/00000000_labels.png'), cv2.IMREAD_UNCHANGED) == 280).all()


@pytest.mark.parametrize('batch_size', [1, 3])
def test_an_input_that_the_model_refuses_is_passed_over(tmp_path, monkeypatch, batch_size):
    run = inferencer(tmp_path, OF_NYU)
    predict = run.predict

    def picky(frames):
        if any(frame.name == '00000001' for frame in frames):
            raise SampleError('00000001: lies elsewhere')
        return predict(frames)

    monkeypatch.setattr(run, 'predict', picky)
    found = run([(RGB, DEPTH)] * 3, batch_size=batch_size, skip_unreadable=True)
    assert [each['name'] for each in found['predictions']] == ['00000000', '00000002']
    assert found['failures'] == [('00000001', '00000001: lies elsewhere')]
    with pytest.raises(SampleError, match='lies elsewhere'):
        run([(RGB, DEPTH)] * 3, batch_size=batch_size)


def test_names_that_no_file_has():
    with pytest.raises(SampleError, match='no such image file'):
        InputReader().sources('a' * 300)[0].read()
