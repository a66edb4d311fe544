"""A dry run on fake CUDA tensors: nothing stays on the CPU, and no training step waits for the device.

A tensor left on the CPU raises; so does whatever needs a value of the device (``DataDependentOutputException``) or a
shape that depends on one (``DynamicOutputShapeException``).
"""

import pytest
import torch
from mmengine.config import Config
from mmengine.model import BaseDataPreprocessor
from mmengine.structures import BaseDataElement
from torch._subclasses.fake_tensor import DataDependentOutputException, DynamicOutputShapeException, FakeTensorMode

from mmvd import ops
from mmvd.registry import MODELS
from tests.conftest import ROOT, TINY
from tests.models.test_depth_encodings import CONFIGS

SIZE = (56, 70)


def completer(encoding: dict, **backbone) -> dict:
    width = 96 if encoding.get('per_sample_max') else 32
    arch = dict(TINY, arch=dict(embed_dims=width, depth=4, num_heads=2))
    axes = 3 if 'Point' in encoding['type'] else 1
    return dict(
        type='mmvd.DepthCompleter',
        data_preprocessor=dict(
            type='mmvd.RGBDDataPreprocessor', random_depth=dict(), random_density=dict(), depth_encoding=encoding
        ),
        backbone=dict(type='mmvd.VDViT', strides=(2, 4, 8, 16), depth_encoding=encoding, **{**arch, **backbone}),
        head=dict(
            type='mmvd.DepthCompletionHead',
            in_channels=width,
            channels=(16, 12, 8, 8),
            num_axes=axes,
            max_depth=encoding.get('max_depth', 15.0),
        ),
    )


def batch(count: int = 3) -> dict:
    samples = [BaseDataElement(metainfo=dict(sample_key=7 + i)) for i in range(count)]
    rgb = [torch.zeros(3, *SIZE, dtype=torch.uint8, device='cuda') for _ in range(count)]
    return dict(inputs=rgb, depth=[torch.zeros(1, *SIZE, device='cuda') for _ in range(count)], data_samples=samples)


def on_cuda(module, mode: FakeTensorMode):
    """The module with fake parameters and buffers on a GPU in place of its own."""
    with mode:
        for part in module.modules():
            for table in (part._parameters, part._buffers):
                for name, value in table.items():
                    if value is not None:
                        fake = torch.empty(value.shape, dtype=value.dtype, device='cuda')
                        is_parameter = isinstance(value, torch.nn.Parameter)
                        table[name] = torch.nn.Parameter(fake, value.requires_grad) if is_parameter else fake
            if isinstance(part, BaseDataPreprocessor):
                part._device = torch.device('cuda')
    return module


def step(config: dict) -> None:
    """Preprocess, complete, compare. Gradients need the streams of a real device."""
    mode = FakeTensorMode()
    model = on_cuda(MODELS.build(config), mode)
    with mode:
        data = model.data_preprocessor(batch(), training=True)
        assert data['inputs'].device.type == data['removed_mask'].device.type == 'cuda'
        loss = model(**data, mode='loss')['loss_depth']
        assert loss.device.type == 'cuda' and loss.dtype == torch.float32


@pytest.mark.parametrize('name', CONFIGS)
def test_pretraining(name):
    step(completer(CONFIGS[name]))


@pytest.mark.parametrize('rgb', ['eva02_base_patch14_224', 'vit_small_patch16_dinov3'])
def test_streams_of_timm(rgb):
    config = completer(CONFIGS['pde16'])
    stream = dict(type='mmvd.TimmStream', model_name=rgb, model_args=dict(depth=4, embed_dim=48, num_heads=3))
    config['backbone'] = dict(type='mmvd.VDViT', rgb=stream, depth_encoding=CONFIGS['pde16'], strides=(2, 4, 8, 16))
    config['head']['in_channels'] = 48
    step(config)


@pytest.mark.parametrize('kind', ['Seg', 'Cls', 'Det'])
def test_downstream_encoders(kind):
    mode = FakeTensorMode()
    encoder = on_cuda(MODELS.build(dict(type='mmvd.VDViT', frozen='all', out='rgb+fused', **TINY)), mode)
    preprocessor = on_cuda(MODELS.build(dict(type=f'mmvd.RGBD{kind}DataPreprocessor')), mode)
    with mode:
        data = batch()
        del data['data_samples']
        assert all(x.device.type == 'cuda' for x in encoder(preprocessor(data, training=True)['inputs']))


def test_linear_probes():
    config = Config.fromfile(ROOT / 'configs/_base_/models/linear84_vd_dinov2_base.py').model.head
    mode = FakeTensorMode()
    head = on_cuda(MODELS.build(dict(config, num_classes=5, in_channels=64)), mode)
    with mode:
        scores = head((torch.zeros(4, 64, device='cuda'),))
        assert scores.device.type == 'cuda' and scores.shape[-1] == 5


def test_the_dry_run_can_fail():
    with FakeTensorMode():
        x = torch.zeros(4, device='cuda')
        with pytest.raises(DataDependentOutputException):
            bool(x.all())
        with pytest.raises(DynamicOutputShapeException):
            x.nonzero()
        with pytest.raises(RuntimeError, match='device'):
            x + torch.zeros(4)


def test_both_ways_to_mix_patterns_give_the_same_bits():
    keys = torch.arange(12) + 3
    chosen = torch.arange(12) % 3
    patterns = ('perlin', 'coarse', 'pixel')
    by_member = ops.density._mixed_noise((12, 40, 50), keys, chosen, patterns)
    fields = [ops.density._PATTERNS[pattern]((12, 40, 50), keys) for pattern in patterns]
    assert torch.equal(by_member, torch.stack(fields)[chosen, torch.arange(12)])


def test_both_ways_to_encode_agree():
    depth = torch.rand(3, 1, 20, 24) * 15
    depth[0, 0, :5] = 0
    in_place = ops.positional_depth_encoding(depth)
    batched = ops.positional_depth_encoding(depth.clone().requires_grad_())
    assert torch.equal(in_place, batched.detach())
