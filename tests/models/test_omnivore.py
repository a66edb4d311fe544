"""Omnivore's trunk against torchvision's own video Swin, its input against the snippet of paper A.8."""

import re
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from torchvision.models.video.swin_transformer import PatchEmbed3d, SwinTransformer3d

from mmvd.datasets import SUNRGBDSceneDataset, SUNRGBDSegDataset
from mmvd.datasets.sunrgbd_camera import sunrgbd_camera
from mmvd.errors import ConfigError, WeightsError
from mmvd.models import DepthCompleter, OmnivoreSwin3D, VDViT
from mmvd.models.backbones.omnivore import omnivore_disparity
from mmvd.registry import MODELS, TRANSFORMS
from tests.models.test_vd_vit_weights import randomise

ARCH = dict(embed_dims=8, depth=4, num_heads=1)  # of a VDViT
SMALL = dict(embed_dims=16, depths=(2, 2, 2, 2), num_heads=(1, 2, 4, 8))
HEAD = dict(type='mmvd.DepthCompletionHead', in_channels=[32, 64, 128, 128], channels=(16, 12, 8, 8), skip_channels=8)


def official(path, frames: int = 4) -> tuple[nn.Module, nn.Module]:
    """Trunk and depth embedding with windows of several frames, saved under the official names."""
    torch.manual_seed(0)
    arguments = (SMALL['embed_dims'], list(SMALL['depths']), list(SMALL['num_heads']), [frames, 7, 7])
    trunk = randomise(SwinTransformer3d([2, 4, 4], *arguments, stochastic_depth_prob=0.0)).eval()
    depth = randomise(PatchEmbed3d([2, 4, 4], 1, 16, nn.LayerNorm)).eval()
    names = {f'depth_patch_embed.{key}': value for key, value in depth.state_dict().items()}
    for key, value in trunk.state_dict().items():
        found = re.match(r'features\.(\d+)\.(.*)', key)
        if found:
            stage, rest = divmod(int(found[1]), 2)[0], found[2]
            rest = rest.replace('.mlp.0.', '.mlp.fc1.').replace('.mlp.3.', '.mlp.fc2.')
            key = f'layers.{stage}.downsample.{rest}' if int(found[1]) % 2 else f'layers.{stage}.blocks.{rest}'
        if not key.startswith('head.'):
            names[key] = value
    torch.save(dict(trunk=names, heads={'image.0.weight': torch.zeros(2, 2)}), path)
    return trunk, depth


def stages_of(trunk, depth, image, disparity=None) -> list[torch.Tensor]:
    """What each stage puts out after its merging, by torchvision's modules one after the other."""
    tokens = trunk.patch_embed(image[:, :, None])
    tokens = tokens if disparity is None else tokens + depth(disparity[:, :, None])
    found = []
    for k, part in enumerate(trunk.features):
        tokens = part(tokens)
        if k in (1, 3, 5, 6):
            found.append(tokens[:, 0].permute(0, 3, 1, 2))
    return found


@pytest.fixture
def pair(tmp_path):
    trunk, depth = official(tmp_path / 'omnivore.torch')
    settings = dict(SMALL, strides=(8, 16, 32, 32))
    model = OmnivoreSwin3D(**settings, init_cfg=dict(type='Pretrained', checkpoint=str(tmp_path / 'omnivore.torch')))
    model.init_weights()
    return trunk, depth, model.eval()


@torch.no_grad()
@pytest.mark.parametrize('size', [(64, 96), (224, 224)])
def test_stages_and_pooled_feature_are_those_of_torchvision(pair, size):
    trunk, depth, model = pair
    image, metres = torch.randn(2, 3, *size), torch.rand(2, 1, *size) * 5 + 0.5
    pixels = model.depth_encoding.channels(metres)
    for given, disparity in ((image, None), (torch.cat((image, pixels), 1), model.depth_encoding(pixels))):
        expected = stages_of(trunk, depth, image, disparity)
        for ours, theirs in zip(model(given), expected, strict=True):
            torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)
    maps, token = model.encode(image)
    trunk.head = nn.Identity()
    torch.testing.assert_close(token, trunk(image[:, :, None]), atol=1e-5, rtol=1e-5)


def test_the_input_is_that_of_the_paper():
    focal_px, baseline_m = 520.0, 0.075
    encoding = MODELS.build(dict(omnivore_disparity(), focal_px=focal_px, baseline_m=baseline_m))
    depth_m = torch.tensor([0.2, 0.6, 3.0, 49.0, 80.0]).view(1, 1, 1, -1)
    disparity = baseline_m * focal_px / depth_m.numpy().clip(0.01, 50)
    expected = (disparity.clip(max=75.0) / 75.0 - 0.0418) / 0.0295
    np.testing.assert_allclose(encoding(encoding.channels(depth_m)), expected, rtol=1e-5)
    missing = encoding(encoding.channels(torch.zeros(1, 1, 1, 1)))
    assert missing.item() == pytest.approx(-0.0418 / 0.0295)


def test_each_sample_has_the_baseline_of_its_sensor():
    from mmengine.structures import BaseDataElement

    encoding = dict(omnivore_disparity(), baseline_m='sensor')
    preprocessor = MODELS.build(dict(type='mmvd.RGBDSegDataPreprocessor', size_divisor=1, depth_encoding=encoding))
    camera = np.array([[500.0, 0, 4], [0, 500, 4], [0, 0, 1]], np.float32)
    metas = [dict(depth_sensor='kv2'), dict(depth_sensor='realsense'), {}]
    data = dict(
        inputs=[torch.zeros(3, 8, 8, dtype=torch.uint8)] * 3,
        depth=[torch.full((1, 8, 8), 2.0)] * 3,
        data_samples=[BaseDataElement(metainfo=dict(meta, intrinsics=camera)) for meta in metas],
    )
    found = preprocessor.inputs(preprocessor.to_device(data), (8, 8))[:, 3, 0, 0]
    assert found.tolist() == pytest.approx([0.075 * 250, 0.095 * 250, 0.05 * 250])
    data['data_samples'][0].set_metainfo(dict(depth_sensor='webcam'))
    with pytest.raises(ConfigError, match="depth_sensor must be one of .*got 'webcam'"):
        preprocessor.inputs(preprocessor.to_device(data), (8, 8))
    sample = dict(depth=np.full((8, 8), 2.0, np.float32), intrinsics=camera, depth_sensor='kv2')
    encoded = TRANSFORMS.build(encoding)(sample)['depth'][0, 0, 0]
    assert encoded == pytest.approx((0.075 * 250 / 75 - 0.0418) / 0.0295)
    assert MODELS.build(encoding).constants()['baseline_m'] == 'sensor'
    with pytest.raises(ConfigError, match='baseline_m must be one of'):
        MODELS.build(dict(encoding, baseline_m='kinect'))


def test_sun_rgbd_tells_sensor_and_camera(tmp_path):
    frame = tmp_path / 'SUNRGBD/kv2/kinect2data/000002'
    (frame / 'image').mkdir(parents=True)
    image = 'SUNRGBD/kv2/kinect2data/000002/image/000002.jpg'
    assert sunrgbd_camera(tmp_path, image, set()) == dict(depth_sensor='kv2')
    (frame / 'intrinsics.txt').write_text('529.5 0.0 365.0\n0.0 529.5 265.0\n0.0 0.0 1.0\n')
    found = sunrgbd_camera(tmp_path, image, set())
    assert found['depth_sensor'] == 'kv2' and found['intrinsics'][0].tolist() == [529.5, 0, 365]
    assert sunrgbd_camera(tmp_path, 'elsewhere/a.jpg', set()) == {}
    (tmp_path / 'train.txt').write_text(f'{image} depth.png label.png\n')
    (tmp_path / 'scenes.txt').write_text(f'{image} depth.png bedroom\n{image[:-5]}3.jpg other.png attic\n')
    for data in (
        SUNRGBDSegDataset(str(tmp_path), ann_file='train.txt'),
        SUNRGBDSceneDataset(str(tmp_path), ann_file='scenes.txt'),
    ):
        assert len(data) == 1
        info = data.get_data_info(0)
        assert info['depth_sensor'] == 'kv2' and info['intrinsics'][1, 1] == 529.5


def test_a_map_without_a_measurement_is_an_image_without_depth(pair):
    model, image = pair[2], torch.randn(2, 3, 64, 96)
    depth = torch.zeros(2, 1, 64, 96)
    depth[1] = 30.0
    with torch.no_grad():
        found, alone = model(torch.cat((image, depth), 1)), model(image)
    for a, b in zip(found, alone, strict=True):
        torch.testing.assert_close(a[0], b[0])
        assert not torch.allclose(a[1], b[1])


def completer(**changes) -> DepthCompleter:
    config = dict(
        type='mmvd.DepthCompleter',
        data_preprocessor=dict(
            type='mmvd.RGBDDataPreprocessor', random_density=dict(), depth_encoding=omnivore_disparity()
        ),
        backbone=dict(type='mmvd.OmnivoreSwin3D', strides=(2, 4, 8, 16), **{**SMALL, **changes}),
        head=HEAD,
    )
    return MODELS.build(config)


@pytest.mark.parametrize('frozen', ['all', 'none'])
def test_one_real_step_in_training_and_the_same_input_in_test(frozen):
    from tests.conftest import raw_batch

    model = completer(frozen=frozen).train()
    assert model.backbone.training == (frozen == 'none')
    batch = raw_batch(2, 70, 90)
    data = model.data_preprocessor(batch, training=True)
    model(**data, mode='loss')['loss_depth'].backward()
    for key, parameter in model.named_parameters():
        assert (parameter.grad is not None) == parameter.requires_grad, key
    assert not any(p.requires_grad for p in model.backbone.parameters()) or frozen == 'none'
    test = model.data_preprocessor(batch, training=False)
    kept = data['inputs'][:, 3:] > 0
    assert torch.equal(data['inputs'][:, 3:][kept], test['inputs'][:, 3:][kept])
    assert model.eval()(**test).shape == (2, 1, 70, 90)


def test_a_frozen_encoder_is_never_in_training_mode():
    assert not any(module.training for module in OmnivoreSwin3D(**SMALL).modules())
    assert OmnivoreSwin3D(**SMALL, frozen='none').swin.training


def test_depth_keeps_its_digits_under_autocast():
    model, seen = OmnivoreSwin3D(**SMALL), []
    model.depth_encoding.register_forward_hook(lambda *_: seen.append(torch.is_autocast_enabled('cpu')))
    with torch.autocast('cpu', torch.bfloat16):
        model(torch.ones(1, 4, 64, 64))
    assert seen == [False]


def test_what_contradicts_is_told():
    with pytest.raises(ConfigError, match=r'num_heads=\(3, 2, 4, 8\) must divide'):
        OmnivoreSwin3D(**dict(SMALL, num_heads=(3, 2, 4, 8)))
    with pytest.raises(ConfigError, match='depth_encoding must give one channel, got 32'):
        OmnivoreSwin3D(**SMALL, depth_encoding=dict(type='mmvd.PositionalDepthEncoding'))
    with pytest.raises(ConfigError, match='out must be'):
        OmnivoreSwin3D(**SMALL, out='pre_fusion')
    model = OmnivoreSwin3D(**SMALL)
    with pytest.raises(ConfigError, match='reads 1 depth channel'):
        model(torch.zeros(1, 6, 64, 64))


def test_weights_of_something_else_are_refused(tmp_path):
    trunk, _ = official(tmp_path / 'omnivore.torch')
    wide = OmnivoreSwin3D(
        **dict(SMALL, embed_dims=32), init_cfg=dict(type='Pretrained', checkpoint=str(tmp_path / 'omnivore.torch'))
    )
    with pytest.raises(WeightsError, match='Omnivore does not fit'):
        wide.init_weights()


@pytest.mark.parametrize('several', [False, True])
@pytest.mark.parametrize('kind', [lambda **start: OmnivoreSwin3D(**SMALL, **start), partial(VDViT, ARCH)])
def test_other_initialisers_are_applied(kind, several):
    start = dict(type='Constant', layer='Linear', val=0.5)
    model = kind(init_cfg=[start] if several else start)
    model.init_weights()
    assert all((layer.weight == 0.5).all() for layer in model.modules() if type(layer) is torch.nn.Linear)


def test_a_list_of_one_is_its_step_and_odd_ones_are_refused(tmp_path):
    official(tmp_path / 'omnivore.torch')
    start = dict(type='Pretrained', checkpoint=str(tmp_path / 'omnivore.torch'))
    loaded, listed = (OmnivoreSwin3D(**SMALL, init_cfg=each) for each in (start, [start]))
    loaded.init_weights()
    listed.init_weights()
    assert all(torch.equal(value, loaded.state_dict()[key]) for key, value in listed.state_dict().items())
    OmnivoreSwin3D(**SMALL, init_cfg=[dict(type='Random')]).init_weights()
    for odd in (dict(type='Pretrained'), [start, dict(type='Constant', layer='Linear', val=0.5)]):
        with pytest.raises(ConfigError, match='init_cfg of OmnivoreSwin3D: Pretrained'):
            OmnivoreSwin3D(**SMALL, init_cfg=odd).init_weights()


def test_a_checkpoint_of_ours_loads_and_rgb_alone_needs_no_depth_embedding(tmp_path):
    model = completer()
    torch.save(dict(state_dict=model.state_dict(), meta={}), tmp_path / 'ours.pth')
    start = dict(type='Pretrained', checkpoint=str(tmp_path / 'ours.pth'))
    for out in ('fused', 'rgb'):
        loaded = OmnivoreSwin3D(**SMALL, init_cfg=start, out=out)
        loaded.init_weights()
        own = model.backbone.state_dict()
        assert all(torch.equal(value, own[key]) for key, value in loaded.state_dict().items())
        assert loaded.reads_depth == (out == 'fused')
        assert len(loaded(torch.zeros(1, 3 if out == 'rgb' else 4, 64, 64))) == 4
