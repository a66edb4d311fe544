"""A dry run on fake CUDA tensors: nothing stays on the CPU, and no training step waits for the device.

A tensor left on the CPU raises; so does whatever needs a value of the device (``DataDependentOutputException``) or a
shape that depends on one (``DynamicOutputShapeException``).
"""

import traceback

import pytest
import torch
from mmengine.config import Config
from mmengine.model import BaseDataPreprocessor
from mmengine.structures import BaseDataElement
from torch._subclasses.fake_tensor import DataDependentOutputException, DynamicOutputShapeException, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from mmvd import ops
from mmvd.models.backbones.omnivore import omnivore_disparity
from mmvd.registry import MODELS
from tests.configs.test_one_step import batch as host_batch
from tests.configs.test_one_step import shrink
from tests.conftest import ROOT, TINY
from tests.models.test_depth_encodings import CONFIGS

SIZE = (56, 70)
pytestmark = pytest.mark.skipif(
    torch.__version__ < (2, 11), reason="older torch asks a GPU's driver for fake tensors, too"
)


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


def fake(x):
    return torch.empty(x.shape, dtype=x.dtype, device='cuda')


class Waits(TorchDispatchMode):
    """Notes what makes the host wait: copies to the device that are no ``non_blocking`` ones."""

    def __init__(self):
        super().__init__()
        self.found = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        source = args[1] if func is torch.ops.aten.copy_.default else args[0] if args else None
        arrives = isinstance(out, torch.Tensor) and out.device.type == 'cuda'
        leaves = isinstance(source, torch.Tensor) and source.device.type == 'cpu'
        if arrives and leaves and not (kwargs or {}).get('non_blocking') and True not in args[2:]:
            last = [entry for entry in traceback.extract_stack()[:-1] if '/torch/' not in entry.filename][-1]
            self.found.append(f'{last.filename}:{last.lineno} {func}')
        return out


def on_cuda(module, mode: FakeTensorMode):
    """The module with fake parameters and buffers on a GPU in place of its own."""
    with mode:
        for part in module.modules():
            for table in (part._parameters, part._buffers):
                for name, value in table.items():
                    if value is not None:
                        other = fake(value)
                        is_parameter = isinstance(value, torch.nn.Parameter)
                        table[name] = torch.nn.Parameter(other, value.requires_grad) if is_parameter else other
            if isinstance(part, BaseDataPreprocessor):
                part._device = torch.device('cuda')
    return module


def step(config: dict) -> None:
    """Preprocess, complete, compare. Gradients need the streams of a real device."""
    mode = FakeTensorMode()
    model = on_cuda(MODELS.build(config), mode)
    with mode, Waits() as waits:
        data = model.data_preprocessor(batch(), training=True)
        assert data['inputs'].device.type == data['removed_mask'].device.type == 'cuda'
        loss = model(**data, mode='loss')['loss_depth']
        assert loss.device.type == 'cuda' and loss.dtype == torch.float32
    ours = [wait for wait in waits.found if '/timm/' not in wait]  # its DINOv3 makes a RoPE table on the CPU
    assert not ours, ours


@pytest.mark.parametrize('name', CONFIGS)
def test_pretraining(name):
    step(completer(CONFIGS[name]))


def test_completion_from_measured_pixels():
    """The decoder that chooses among them asks the device for no number of theirs."""
    config = completer(CONFIGS['pde16'])
    config['head'] = dict(type='mmvd.JointBilateralHead', in_channels=32, channels=(8, 8, 8, 8))
    config['backbone']['strides'] = (8, 8, 8, 8)
    step(config)


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


def host_step(path: str) -> None:
    """A whole training step of a downstream config, at a small size."""
    kind, mode = path.split('/')[0], FakeTensorMode()
    config = Config.fromfile(ROOT / f'configs/{path}.py')
    model, data = MODELS.build(shrink(config, kind)).train(), host_batch(kind)
    on_cuda(model, mode)
    with mode:
        for name in ('inputs', 'depth'):
            data[name] = [fake(x) for x in data[name]]
        for sample in data['data_samples']:
            if kind == 'seg':
                sample.gt_sem_seg.data = fake(sample.gt_sem_seg.data)
            elif kind == 'cls':
                sample.set_field(torch.empty(1, dtype=torch.long, device='cuda'), 'gt_label')
            else:
                found = sample.gt_instances
                found.bboxes, found.labels = (fake(x) for x in (found.bboxes, found.labels))
        losses = model(**model.data_preprocessor(data, True), mode='loss')
        assert all(loss.device.type == 'cuda' for loss in losses.values())


@pytest.mark.parametrize('path', ['cls/linear84_vd_nyuv2', 'cls/linear84_omnivore_nyuv2'])
def test_classification(path):
    host_step(path)


@pytest.mark.parametrize(
    'path, host',
    [
        ('seg/m2f_vd_sunrgbd', 'mmseg'),  # torch.unique of the labels, then a matcher on the CPU
        ('seg/m2f_omnivore_sunrgbd', 'mmseg'),
        ('det/mask2former_vd_rooms', 'mmdet'),  # torch._shape_as_tensor, which fake tensors have not
    ],
)
def test_the_first_wait_of_a_mask2former_step_is_the_hosts_own(path, host):
    with pytest.raises((DynamicOutputShapeException, RuntimeError)) as caught:
        host_step(path)
    files = [str(entry.path) for entry in caught.traceback if '/torch/' not in str(entry.path)]
    assert f'/{host}/models/' in files[-1], files[-1]


def test_omnivore():
    step(config := omnivore())
    config['backbone']['frozen'] = 'none'
    step(config)


def omnivore() -> dict:
    encoding = omnivore_disparity()
    config = completer(encoding)
    config['backbone'] = dict(
        type='mmvd.OmnivoreSwin3D',
        embed_dims=16,
        depths=(1, 1, 1, 1),
        num_heads=(1, 2, 4, 8),
        strides=(2, 4, 8, 16),
    )
    config['head'].update(in_channels=[32, 64, 128, 128])
    return config


def test_the_dry_run_can_fail():
    with FakeTensorMode(), Waits() as waits:
        torch.ones(3) + torch.tensor([1.0, 2, 3])
        torch.tensor([1.0, 2, 3], device='cuda') * 2
        torch.ones(3).to('cuda', non_blocking=True)
        torch.ones(3).cuda()
    assert len(waits.found) == 2
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
