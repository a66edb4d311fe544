"""Depth encodings against closed forms, and everything that must work without knowing which one it has."""

import math

import numpy as np
import pytest
import torch

from mmvd import ops
from mmvd.datasets.sample_key import KeyedIndex
from mmvd.errors import ConfigError
from mmvd.models import DisparityEncoding, NormalizeDepth, PositionalDepthEncoding, PositionalPointEncoding
from mmvd.registry import MODELS, TRANSFORMS
from tests.conftest import TINY

CONFIGS = {
    'pde16': dict(type='mmvd.PositionalDepthEncoding', num_channels=16),
    'pde64_500m': dict(type='mmvd.PositionalDepthEncoding', num_channels=64, max_depth=500.0),
    'pde_key': dict(type='mmvd.PositionalDepthEncoding', num_channels=8, per_sample_max=True),
    'p3de': dict(type='mmvd.PositionalPointEncoding', num_channels=8),
    'norm': dict(type='mmvd.NormalizeDepth', mean=5.0, std=5.0),
    'disparity': dict(type='mmvd.DisparityEncoding'),
}
CAMERA = torch.tensor([[61.0, 0, 30.5], [0, 63.0, 24.0], [0, 0, 1]])


def completer(encoding: dict, **changes):
    width = 96 if encoding['type'].endswith('Encoding') and encoding.get('per_sample_max') else 32
    axes = 3 if 'Point' in encoding['type'] else 1
    arch = dict(TINY, arch=dict(embed_dims=width, depth=4, num_heads=2))
    return MODELS.build(
        dict(
            type='mmvd.DepthCompleter',
            data_preprocessor=dict(
                type='mmvd.RGBDDataPreprocessor', random_depth=dict(), random_density=dict(), depth_encoding=encoding
            ),
            backbone=dict(type='mmvd.VDViT', strides=(2, 4, 8, 16), depth_encoding=encoding, **arch),
            head=dict(
                type='mmvd.DepthCompletionHead',
                in_channels=width,
                channels=(16, 12, 8, 8),
                num_axes=axes,
                max_depth=encoding.get('max_depth', 15.0),
            ),
            test_cfg=dict(kept_densities=[0.1, 0.5], probe_density=0.5),
            **changes,
        )
    )


def batch(count: int = 2, camera: bool = True):
    transform = TRANSFORMS.build(dict(type='mmvd.PackRGBDInputs'))
    rng, packed = np.random.default_rng(0), []
    for index in range(count):
        depth = rng.uniform(1, 6, (56, 70)).astype(np.float32)
        sample = dict(img=rng.integers(0, 256, (56, 70, 3), dtype=np.uint8), depth=depth, img_path='a')
        sample.update(sample_idx=KeyedIndex(index, 0, 0), **(dict(intrinsics=CAMERA.numpy()) if camera else {}))
        packed.append(transform(sample))
    return {name: [sample[name] for sample in packed] for name in packed[0]}


@pytest.mark.parametrize('name', CONFIGS)
def test_training_evaluation_and_probes_know_no_encoding(name):
    model = completer(CONFIGS[name])
    data = model.data_preprocessor(batch(), training=True)
    losses = model(**data, mode='loss')
    losses['loss_depth'].backward()
    assert math.isfinite(losses['loss_depth'])
    without = [key for key, value in model.named_parameters() if value.requires_grad and value.grad is None]
    assert not without
    data = batch()
    data['partner_inputs'] = data['inputs'][::-1]
    data = model.eval().data_preprocessor(data, training=False)
    with torch.no_grad():
        found = model(**data, mode='predict')
    for sample, metres in zip(found, batch()['depth'], strict=True):
        kept = sample.input_depth > 0
        assert kept.float().mean((1, 2)).tolist() == pytest.approx([0.1, 0.5], abs=1e-3)
        torch.testing.assert_close(sample.input_depth[1][kept[1]], metres[0][kept[1]])  # metres, whatever was encoded
        assert sample.pred_depth.shape == (2, 56, 70) and sample.pred_half_depth.shape == (1, 56, 70)


@pytest.mark.parametrize('name', CONFIGS)
def test_the_channels_of_half_the_depth(name):
    encoding = MODELS.build(CONFIGS[name])
    depth = (torch.rand(2, 1, 20, 24) * 8 + 0.1) * (torch.rand(2, 1, 20, 24) < 0.7)
    camera = CAMERA.expand(2, -1, -1)
    halved = encoding.scaled(encoding.channels(depth, camera), 0.5)
    torch.testing.assert_close(halved, encoding.channels(depth / 2, camera), rtol=1e-5, atol=1e-6)
    last = encoding.channels(depth, camera)[:, -1:]
    assert ((last > 0) == (depth > 0)).all()  # it tells what is missing


@pytest.mark.parametrize('name', [name for name in CONFIGS if name not in ('disparity',)])
@pytest.mark.parametrize('rule', ['rescale', 'drop'])
def test_the_range_is_one_rule(name, rule):
    encoding = MODELS.build(CONFIGS[name])
    limit = 0.95 * encoding.max_depth
    depth = torch.linspace(0, 2 * encoding.max_depth, 64).view(1, 1, 8, 8)
    channels = encoding.channels(depth, CAMERA[None])
    found, factor = encoding.into_range(channels, rule)
    assert found[:, -1].max() <= limit * (1 + 1e-6)
    if rule == 'rescale':
        torch.testing.assert_close(found, channels * factor.view(-1, 1, 1, 1))
    else:
        assert factor == 1 and ((found[:, -1] > 0) == ((depth[:, 0] > 0) & (depth[:, 0] <= limit))).all()


def test_points_project_back_to_their_pixels_in_float64():
    depth = torch.rand(1, 1, 48, 62, dtype=torch.float64) * 5 + 0.1
    points = ops.depth_to_points(depth, CAMERA[None])
    v, u = torch.meshgrid(torch.arange(48.0).double(), torch.arange(62.0).double(), indexing='ij')
    sign_x, sign_y = torch.sign(u - 30.5), torch.sign(v - 24.0)
    projected_u = CAMERA[0, 0] * sign_x * points[0, 0] / points[0, 2] + CAMERA[0, 2]
    projected_v = CAMERA[1, 1] * sign_y * points[0, 1] / points[0, 2] + CAMERA[1, 2]
    torch.testing.assert_close(projected_u, u, atol=1e-9, rtol=0)
    torch.testing.assert_close(projected_v, v, atol=1e-9, rtol=0)
    assert (points >= 0).all() and torch.equal(points[0, 2], depth[0, 0])


def test_p3de_encodes_axis_by_axis():
    encoding = PositionalPointEncoding(num_channels=8)
    channels = encoding.channels(torch.rand(2, 1, 10, 12) * 5, CAMERA.expand(2, -1, -1))
    encoded = encoding(channels)
    assert encoded.shape == (2, 24, 10, 12) and encoding.out_channels == 24
    for axis in range(3):
        expected = ops.positional_depth_encoding(channels[:, axis : axis + 1], 8)
        torch.testing.assert_close(encoded[:, 8 * axis : 8 * axis + 8], expected)


def test_norm_and_disparity_by_hand():
    depth = torch.tensor([0.0, 1.0, 5.0, 10.0]).view(1, 1, 2, 2)
    assert NormalizeDepth()(depth).flatten().tolist() == pytest.approx([-1, -0.8, 0, 1])
    assert NormalizeDepth(2.4597, 0.8662)(depth)[0, 0, 0, 0].item() == pytest.approx(-2.4597 / 0.8662)
    encoding = DisparityEncoding(focal_px=600.0, baseline_m='xtion')
    pixels = encoding.channels(depth)
    assert pixels.flatten().tolist() == pytest.approx([0, 57, 11.4, 5.7])  # 0.095 m x 600 px / depth
    assert encoding(pixels).flatten()[0].item() == pytest.approx(-4.5533163 / 1.6035318)
    assert encoding(pixels).flatten()[1].item() == pytest.approx((57 - 4.5533163) / 1.6035318)
    near_and_far = torch.tensor([0.001, 80.0]).view(1, 1, 1, 2)
    assert encoding.channels(near_and_far).flatten().tolist() == pytest.approx([57 / 0.01, 57 / 50], rel=1e-5)
    guessed = DisparityEncoding().channels(torch.ones(1, 1, 40, 60))
    assert guessed[0, 0, 0, 0].item() == pytest.approx(0.05 * 0.9 * 40)
    known = DisparityEncoding().channels(torch.ones(1, 1, 40, 60), CAMERA[None])
    assert known[0, 0, 0, 0].item() == pytest.approx(0.05 * 61)


@pytest.mark.parametrize('name', [name for name in CONFIGS if name != 'pde_key'])
def test_the_transform_of_the_same_name_gives_the_same(name):
    config = CONFIGS[name]
    depth = np.random.default_rng(0).uniform(0.5, 30, (14, 28)).astype(np.float32)
    sample = TRANSFORMS.build(config)(dict(depth=depth, intrinsics=CAMERA.numpy()))
    encoding = MODELS.build(config)
    channels = encoding.channels(torch.from_numpy(depth)[None, None], CAMERA[None])
    channels, factor = encoding.into_range(channels, 'rescale')
    torch.testing.assert_close(torch.from_numpy(sample['depth']).permute(2, 0, 1), encoding(channels)[0])
    assert sample['range_factor'] == pytest.approx(float(factor))


BAD = [
    (dict(data_preprocessor=dict(type='mmvd.RGBDDataPreprocessor')), 'the backbone encodes points .* gives metres'),
    (
        dict(
            data_preprocessor=dict(
                type='mmvd.RGBDDataPreprocessor', depth_encoding=dict(CONFIGS['p3de'], max_depth=9.0)
            )
        ),
        'set model.data_preprocessor.depth_encoding',
    ),
    (dict(head=dict(type='mmvd.DepthCompletionHead', in_channels=32)), 'set model.head.num_axes=3'),
]


@pytest.mark.parametrize('changes, match', BAD)
def test_parts_that_do_not_belong_together(changes, match):
    good = dict(
        type='mmvd.DepthCompleter',
        data_preprocessor=dict(type='mmvd.RGBDDataPreprocessor', depth_encoding=CONFIGS['p3de']),
        backbone=dict(type='mmvd.VDViT', depth_encoding=CONFIGS['p3de'], **TINY),
        head=dict(type='mmvd.DepthCompletionHead', in_channels=32, num_axes=3),
    )
    MODELS.build(good)
    with pytest.raises(ConfigError, match=match):
        MODELS.build({**good, **changes})


def test_a_wrong_number_of_channels_is_named():
    model = MODELS.build(dict(type='mmvd.VDViT', depth_encoding=CONFIGS['p3de'], **TINY))
    with pytest.raises(ConfigError, match='reads 3 depth channels .points., got 1'):
        model(torch.rand(1, 4, 56, 56))
    assert model(torch.rand(1, 3, 56, 56))[0].shape[1] == 32  # colour alone is legal
    with pytest.raises(ConfigError, match=r'RGB then depth channels, got \(1, 2, 56, 56\)'):
        model(torch.rand(1, 2, 56, 56))


def test_a_rule_needs_a_key():
    with pytest.raises(ConfigError, match="key_rule='paper' is of the key"):
        PositionalDepthEncoding(key_rule='paper')


def test_the_key_keeps_the_maximum():
    encoding = PositionalDepthEncoding(num_channels=8, per_sample_max=True)
    depth = torch.rand(2, 1, 8, 8) * torch.tensor([1.0, 7.0]).view(2, 1, 1, 1) + 0.01
    scaled = encoding(depth), encoding(3 * depth)
    torch.testing.assert_close(*scaled, atol=2e-3, rtol=0)  # the channels say nothing of the scale
    assert not torch.equal(encoding.key(depth, 96), encoding.key(3 * depth, 96))  # the key does


def test_the_farthest_coordinate_of_points_is_in_range():
    encoding = MODELS.build(CONFIGS['p3de'])
    camera = torch.tensor([[20.0, 0, 50], [0, 20, 50], [0, 0, 1]])[None]  # a wide lens: X reaches 2.5 Z
    points = encoding.channels(torch.full((1, 1, 100, 100), 10.0), camera)
    moved, factor = encoding.into_range(points, 'rescale')
    assert points.max() == 25 and moved.max().item() == pytest.approx(0.95 * 15)
    torch.testing.assert_close(moved / factor, points)
    dropped, _ = encoding.into_range(points, 'drop')
    assert dropped.max() <= 0.95 * 15 and (dropped[:, 2] > 0).any()


def test_the_rule_of_the_key_is_saved():
    keyed = dict(type='mmvd.PositionalDepthEncoding', per_sample_max=True)
    code, paper = (MODELS.build(dict(keyed, key_rule=rule)).constants() for rule in ('code', 'paper'))
    assert paper == dict(code, key_rule='paper')


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_metres_are_cleaned_in_full_precision(dtype):
    depth = torch.tensor([1.5, -1, float('nan'), float('inf')], dtype=dtype).view(1, 1, 2, 2)
    found = MODELS.build(CONFIGS['pde16']).clean(depth)
    assert found.dtype == torch.promote_types(dtype, torch.float32) and found.flatten().tolist() == [1.5, 0, 0, 0]
