"""Depth that a pipeline has encoded reaches the model as it is, and depth in range is in range for all windows."""

import pytest
import torch

from mmvd import ops
from mmvd.errors import ConfigError, SampleError
from mmvd.models.backbones import VDViT
from mmvd.registry import MODELS, TRANSFORMS
from tests.conftest import TINY
from tests.datasets.test_transforms import sample

ENCODINGS = [
    dict(type='mmvd.NormalizeDepth', mean=5.0, std=2.0),
    dict(type='mmvd.DisparityEncoding'),
    dict(type='mmvd.PositionalDepthEncoding', num_channels=8),
]
PREPROCESSORS = ['RGBDDataPreprocessor', 'RGBDSegDataPreprocessor', 'RGBDClsDataPreprocessor']


def packed(encoding: dict, **changes) -> dict:
    """A sample whose depth runs from 0 (missing) to 9 m."""
    data = sample(ori_shape=(60, 80), seg_fields=[], **changes)
    data['depth'] = data['gt_depth'] = data['depth'] % 10
    for key in ('gt_seg_map', 'gt_instance_map', 'removed_mask'):
        del data[key]
    for step in (encoding, dict(type='mmvd.PackRGBDInputs')):
        data = TRANSFORMS.build(step)(data)
    return data


def batch_of(*samples: dict) -> dict:
    return {key: [each[key] for each in samples] for key in samples[0]}


@pytest.mark.parametrize('encoding', ENCODINGS, ids=lambda encoding: encoding['type'])
@pytest.mark.parametrize('kind', PREPROCESSORS)
def test_channels_reach_the_model_as_they_are(encoding, kind):
    divisor = dict(size_divisor=1) if 'Seg' in kind else {}
    preprocessor, data = MODELS.build(dict(type=f'mmvd.{kind}', **divisor)), packed(encoding)
    found = preprocessor(batch_of(data), training=True)['inputs'][:, 3:]
    assert torch.equal(found[0], data['depth']) and (found.min() < 0 or encoding['type'] == 'mmvd.DisparityEncoding')
    with pytest.raises(SampleError, match='no empty value to pad with'):
        small = dict(
            data, inputs=data['inputs'][:, :30], depth=data['depth'][:, :30], gt_depth=data['gt_depth'][:, :30]
        )
        preprocessor(batch_of(data, small))


@pytest.mark.parametrize('encoding', ENCODINGS, ids=lambda encoding: encoding['type'])
def test_what_is_encoded_is_not_randomised(encoding):
    for settings in (dict(random_depth={}), dict(random_density=dict(mean=0.9))):
        preprocessor = MODELS.build(dict(type='mmvd.RGBDDataPreprocessor', **settings))
        with pytest.raises(ConfigError, match='depth is encoded in the pipeline: randomise it there'):
            preprocessor(batch_of(packed(encoding)), training=True)
        assert preprocessor(batch_of(packed(encoding)))['inputs'].shape[0] == 1  # at evaluation nothing is drawn


def test_points_of_a_wide_camera_have_one_factor_in_all_windows():
    encoding = dict(type='mmvd.PositionalPointEncoding', max_depth=15.0)
    preprocessor = MODELS.build(
        dict(type='mmvd.RGBDSegDataPreprocessor', max_depth=15.0, size_divisor=1, depth_encoding=encoding)
    )
    data = packed(dict(type='mmvd.RGBDResize', size=(56, 84)))
    data['depth'] = torch.full_like(data['depth'], 14.0)
    wide = torch.tensor([[0.3 * 84, 0, 42], [0, 0.3 * 84, 28], [0, 0, 1.0]])  # |X| beyond Z at the sides
    data['data_samples'].set_metainfo(dict(intrinsics=wide.numpy()))
    found = preprocessor(batch_of(data))['inputs'][:, 3:]
    model = VDViT(**TINY, depth_encoding=encoding)
    factors = [model.depth_encoding.into_range(found[..., start : start + 28], 'rescale')[1] for start in (0, 28, 56)]
    assert [float(each) for each in factors] == [1.0] * 3
    assert float(found.max()) == pytest.approx(ops.HEADROOM * 15, rel=1e-5)


def test_a_pipeline_does_not_know_of_training():
    for name in ('focal_jitter', 'centre_jitter', 'depth_alone'):
        with pytest.raises(ConfigError, match=f'{name} are for training, of which a pipeline does not know'):
            TRANSFORMS.build(dict(type='mmvd.PositionalPointEncoding', **{name: 0.5}))
