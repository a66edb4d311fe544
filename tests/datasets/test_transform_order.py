"""What the steps of a pipeline leave for those behind them."""

import zlib

import numpy as np
import pytest

from mmvd.datasets.sample_key import KeyedIndex, generator_of
from mmvd.errors import ConfigError
from mmvd.registry import TRANSFORMS
from tests.datasets.test_transforms import sample


@pytest.mark.parametrize(
    'step',
    [
        dict(type='mmvd.RGBDRandomRotate', prob=1.0),
        dict(type='mmvd.RGBDRandomResizedCrop', size=56),
        dict(type='mmvd.RandomDepth'),
        dict(type='mmvd.RandomDensityMask'),
        dict(type='mmvd.AlterDepth', zeros=0.5),
        dict(type='mmvd.SparsePoints'),
        dict(type='mmvd.RequireDepth'),
        dict(type='mmvd.NormalizeDepth'),
    ],
    ids=lambda step: step['type'],
)
def test_encoded_depth_is_not_taken_for_metres(step):
    encoded = TRANSFORMS.build(dict(type='mmvd.PositionalDepthEncoding', num_channels=4))(sample())
    with pytest.raises(ConfigError, match=f'{step["type"][5:]}: depth is encoded already, .60, 80, 4.: put'):
        TRANSFORMS.build(step)(encoded)


def test_two_transforms_of_one_class_draw_apart():
    flips = [TRANSFORMS.build(dict(type='mmvd.RGBDRandomFlip')) for _ in range(2)]
    ends = []
    for key in range(40):
        start, results = sample(key), sample(key)
        for flip in flips:
            results = flip(results)
        ends.append(np.array_equal(start['img'], results['img']))
    assert 8 < sum(ends) < 32  # 40 if the second took back what the first did
    assert generator_of(sample(1), 'flip').random() == flip_of(1)


def flip_of(key: int) -> float:
    """First number of the first flip: that of the sample's key and the word alone."""
    return np.random.Generator(np.random.Philox(key=[KeyedIndex(key, 0, 0).key, zlib.crc32(b'flip')])).random()
