"""VDViT: what frozen, fused, padded, dirty and out of range mean."""

import pytest
import torch
from mmengine.registry import MODELS as ROOT

from mmvd.errors import ConfigError
from mmvd.models.backbones import VDViT
from mmvd.models.backbones.maps import to_stride
from tests.conftest import TINY


@pytest.mark.parametrize('out, channels', [('rgb', 32), ('fused', 32), ('rgb+fused', 64), ('pre_fusion', 32)])
@pytest.mark.parametrize('size', [(56, 56), (70, 45), (31, 100)])
def test_maps_for_any_size(out, channels, size):
    model = VDViT(**TINY, out=out, strides=(2, 4, 8, 16)).eval()
    maps = model(torch.rand(2, 4, *size))
    assert [tuple(m.shape) for m in maps] == [(2, channels, -(-size[0] // s), -(-size[1] // s)) for s in (2, 4, 8, 16)]
    assert model.out_channels == channels
    (token,) = VDViT(**TINY, out=out, out_type='cls_token').eval()(torch.rand(2, 4, *size))
    assert token.shape == (2, channels)


@pytest.mark.parametrize('stride', [2, 4, 8, 16, 32])
@pytest.mark.parametrize('side', [56, 50, 61])
def test_maps_stay_where_the_tokens_are(stride, side):
    """Tokens that hold their own x position give maps that hold the positions of their cells, away from the rim."""
    cells = -(-side // 14)
    positions = (torch.arange(cells) + 0.5) * 14
    row = to_stride(positions.expand(1, 1, cells, cells), 14, stride, (side, side))[0, 0, 0]
    expected = (torch.arange(-(-side // stride)) + 0.5) * stride
    torch.testing.assert_close(row, expected.clamp(7, float(positions[-1])))


def test_rgb_only_input_is_an_empty_depth_map():
    model = VDViT(**TINY).eval()
    rgb = torch.randn(2, 3, 56, 56)
    for a, b in zip(model(rgb), model(torch.cat((rgb, torch.zeros(2, 1, 56, 56)), 1)), strict=True):
        assert torch.equal(a, b)


def test_padding_is_mean_colour_and_missing_depth():
    model, x = VDViT(**TINY, strides=(14, 14, 14, 14)).eval(), torch.rand(1, 4, 50, 45)
    padded = torch.zeros(1, 4, 56, 56)
    padded[..., :50, :45] = x
    for a, b in zip(model(x), model(padded), strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize('frozen', ['rgb', 'all', 'none'])
def test_frozen_is_frozen(frozen):
    model = VDViT(**TINY, frozen=frozen)
    assert model.train() is model and model.rgb_stream.training == (frozen == 'none')
    assert model.depth_stream.training == (frozen != 'all')
    x = torch.rand(2, 4, 56, 56)
    outs = model(x)
    assert outs[0].requires_grad == (frozen != 'all')
    if frozen != 'all':
        sum(out.square().sum() for out in outs).backward()
    for name, parameter in model.named_parameters():
        trainable = frozen == 'none' or (frozen == 'rgb' and not name.startswith('rgb_stream'))
        trainable &= name not in (
            'rgb_stream.norm.weight',
            'rgb_stream.norm.bias',
            'depth_stream.norm.weight',
            'depth_stream.norm.bias',
        )
        assert parameter.requires_grad == trainable, name
        assert (parameter.grad is not None) == trainable, name


@pytest.mark.parametrize('frozen', ['rgb', 'none'])
@pytest.mark.parametrize(
    'changes', [dict(out='pre_fusion'), dict(out_type='cls_token'), dict(norm_features=True), dict(out='rgb+fused')]
)
def test_every_trainable_parameter_gets_a_gradient(changes, frozen):
    model = VDViT(**TINY, **changes, frozen=frozen)
    torch.stack([(out * torch.randn_like(out)).sum() for out in model(torch.rand(2, 4, 56, 56))]).sum().backward()
    assert [n for n, p in model.named_parameters() if p.requires_grad and p.grad is None] == []


@pytest.mark.parametrize('out', ['rgb', 'fused', 'rgb+fused', 'pre_fusion'])
@pytest.mark.parametrize('out_type', ['featmap', 'cls_token', 'avg_featmap'])
def test_fusions_before_the_last_block(out, out_type):
    """The blocks after them read what was fused; of maps nothing reads those blocks."""
    arch = dict(TINY, arch=dict(embed_dims=32, depth=6, num_heads=2))
    model = VDViT(**arch, fusion_layers=(1, 2, 3, 4), out=out, out_type=out_type, frozen='none')
    found = model(torch.rand(2, 4, 56, 56))
    torch.stack([(each * torch.randn_like(each)).sum() for each in found]).sum().backward()
    assert [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None] == []
    if out != 'rgb':
        assert len(model.fusions) == (3 if (out, out_type) == ('pre_fusion', 'featmap') else 4)
    if (out, out_type) == ('fused', 'cls_token'):
        whole = VDViT(**arch, fusion_layers=(1, 2, 3, 4), frozen='none')
        whole.load_state_dict(model.state_dict())
        inputs = torch.rand(1, 4, 56, 56)
        torch.testing.assert_close(model(inputs)[0], whole.encode(inputs)[1])


def test_rgb_never_sees_depth_and_features_can_be_shared():
    model = VDViT(**TINY, out='rgb+fused').eval()
    x, y = torch.rand(2, 4, 56, 56) + 0.5, torch.rand(2, 4, 56, 56) + 0.5
    y[:, :3] = x[:, :3]
    a, b = model(x), model(y)
    assert torch.equal(a[3][:, :32], b[3][:, :32]) and not torch.equal(a[3][:, 32:], b[3][:, 32:])
    shared = model.extract(y, model.encode_rgb(x[:, :3])).outs
    assert all(torch.equal(m, n) for m, n in zip(shared, b, strict=True))


@pytest.mark.parametrize('rule', ['rescale', 'drop'])
def test_over_range(rule):
    model = VDViT(**TINY, over_range=rule).eval()
    near = torch.cat((torch.rand(1, 3, 56, 56), torch.rand(1, 1, 56, 56) * 14 + 0.1), 1)
    far = near.clone()
    far[:, 3] *= 4
    top = far[:, 3].max()
    features = model.extract(far)
    if rule == 'rescale':
        torch.testing.assert_close(features.range_factor, (14.25 / top)[None])
        scaled = torch.cat((far[:, :3], far[:, 3:] * features.range_factor), 1)
    else:
        assert features.range_factor == 1
        scaled = torch.cat((far[:, :3], far[:, 3:] * (far[:, 3:] <= 14.25)), 1)
    for a, b in zip(features.outs, model(scaled), strict=True):
        torch.testing.assert_close(a, b)
    assert model.extract(near).range_factor == 1


def test_dirty_depth_is_missing_depth():
    model = VDViT(**TINY).eval()
    clean = torch.cat((torch.randn(1, 3, 56, 56), torch.rand(1, 1, 56, 56) + 1), 1)
    clean[..., :3, :] *= torch.tensor([1, 1, 1, 0]).view(1, 4, 1, 1)
    dirty = clean.clone()
    dirty[:, 3, 0], dirty[:, 3, 1], dirty[:, 3, 2] = float('nan'), -2, float('inf')
    assert all(torch.equal(a, b) for a, b in zip(model(clean), model(dirty), strict=True))


@pytest.mark.parametrize(
    'changes',
    [
        dict(frozen='depth'),
        dict(out='both'),
        dict(out_type='map'),
        dict(over_range='clip'),
        dict(gate='x'),
        dict(strides=(4, 8)),
        dict(fusion_layers=(1, 2, 3, 9)),
        dict(fusion_layers=(2, 1, 3, 4)),
        dict(fusion_layers=(1, 1, 3, 4)),
        dict(depth_encoding=None),
        dict(last_blocks=2),
        dict(out_type='cls_token', last_blocks=5),
        dict(position_rule='nearest'),
        dict(arch='huge'),
    ],
)
def test_refuses_nonsense(changes):
    with pytest.raises(ConfigError):
        VDViT(**{**TINY, **changes})


def test_builds_from_any_scope():
    assert isinstance(ROOT.build(dict(type='mmvd.VDViT', **TINY)), VDViT)
