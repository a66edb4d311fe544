"""Models and data that do not belong together are told of in one line."""

import pytest
import torch

from mmvd.errors import ConfigError, WeightsError
from mmvd.models.weights.adapter import LEFT_OUT, attach
from mmvd.registry import MODELS
from tests.conftest import TINY, raw_batch, tiny_completer


def test_an_encoder_of_encoded_channels_without_any():
    encoder = MODELS.build(dict(type='mmvd.VDViT', depth_encoding=None, depth_channels=6, **TINY))
    with pytest.raises(ConfigError, match='an input without depth needs depth_encoding: encoded channels cannot be'):
        encoder(torch.rand(1, 3, 56, 56))


def test_encoded_channels_without_truth():
    data = raw_batch()
    data['depth'] = [torch.rand(6, 56, 56) for _ in data['depth']]
    with pytest.raises(ConfigError, match='encoded depth channels need gt_depth from the pipeline'):
        MODELS.build(dict(type='mmvd.RGBDDataPreprocessor'))(data, True)


def test_a_head_that_decodes_beyond_the_encoding():
    head = dict(type='mmvd.DepthCompletionHead', in_channels=32, channels=(16, 12, 8, 8), max_depth=80.0)
    backbone = dict(type='mmvd.VDViT', strides=(2, 4, 8, 16), **TINY)
    with pytest.raises(ConfigError, match='up to 80.0 m, the encoding reaches 15.0 m: set model.head.max_depth to it'):
        MODELS.build(dict(type='mmvd.DepthCompleter', backbone=backbone, head=head))


def test_a_checkpoint_that_leaves_out_what_no_model_has():
    checkpoint = {LEFT_OUT: dict(part='neck.', sha256='0' * 64), 'state_dict': {}}
    with pytest.raises(WeightsError, match="a.pth: leaves out 'neck.', which is no part of a model here: publish it"):
        attach(checkpoint, tiny_completer(), 'a.pth')
