"""VDViT against timm, transformers and mmpretrain, and what frozen, fused, padded and out of range mean."""

import pickle

import pytest
import timm
import torch
from mmengine.registry import MODELS as ROOT
from safetensors.torch import save_file
from torch import nn

from mmvd.errors import ConfigError, WeightsError
from mmvd.models.backbones import VDViT
from mmvd.models.backbones.maps import to_stride
from mmvd.models.weights import load_checkpoint
from tests.conftest import TINY

LAYERS = (3, 6, 9, 12)


def randomise(module: nn.Module) -> nn.Module:
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.05)
    module.eval()  # mmpretrain's returns None
    return module


def hugging_face_small():
    transformers = pytest.importorskip('transformers')
    config = transformers.Dinov2Config(
        hidden_size=384, num_hidden_layers=12, num_attention_heads=6, image_size=518, patch_size=14
    )
    return randomise(transformers.Dinov2Model(config))


def timm_small(**kwargs):
    return randomise(timm.create_model('vit_small_patch14_dinov2', pretrained=False, dynamic_img_size=True, **kwargs))


def mmpretrain_small():
    models = pytest.importorskip('mmpretrain.models')
    return randomise(
        models.VisionTransformer(
            arch='deit-s',
            img_size=518,
            patch_size=14,
            layer_scale_init_value=1e-5,
            out_indices=[layer - 1 for layer in LAYERS],
            out_type='raw',
        )
    )


def timm_tokens(model, x):
    return model.forward_intermediates(x, indices=[n - 1 for n in LAYERS], output_fmt='NLC', intermediates_only=True)


def hugging_face_tokens(model, x):
    states = model(x, output_hidden_states=True).hidden_states
    return [states[n][:, 1:] for n in LAYERS]


def mmpretrain_tokens(model, x):
    model.final_norm = False  # raw tokens, as VDViT hands them on
    return [t[:, 1:] for t in model(x)]


REFERENCES = {
    'official': (timm_small, timm_tokens, 'antialias'),
    'timm': (timm_small, timm_tokens, 'antialias'),
    'mmpretrain': (mmpretrain_small, mmpretrain_tokens, 'size'),
    'hugging face': (hugging_face_small, hugging_face_tokens, 'size'),
}


def saved(model, layout, folder):
    state = {key: value.clone() for key, value in model.state_dict().items()}
    if layout == 'official':  # timm's names plus the mask token, as the released .pth has it
        torch.save({**state, 'mask_token': torch.zeros(1, 384)}, folder / 'w.pth')
        return folder / 'w.pth'
    if layout == 'mmpretrain':
        torch.save(
            dict(state_dict={f'backbone.{key}': value for key, value in state.items()}, meta=dict(epoch=3)),
            folder / 'w.pth',
        )
        return folder / 'w.pth'
    save_file(state, folder / 'w.safetensors')
    return folder / 'w.safetensors'


@pytest.mark.parametrize('layout', REFERENCES)
@pytest.mark.parametrize('size', [(518, 518), (224, 224), (140, 196)])
def test_rgb_tokens_equal_the_reference(layout, size, tmp_path):
    make, run, rule = REFERENCES[layout]
    reference = make()
    model = VDViT(
        'small',
        position_rule=rule,
        init_cfg=dict(type='Pretrained', checkpoint=str(saved(reference, layout, tmp_path))),
    )
    model.init_weights()
    x = torch.randn(1, 3, *size)
    with torch.no_grad():
        expected, got = run(reference, x), model.encode_rgb(x).tokens
    for e, g in zip(expected, got, strict=True):
        torch.testing.assert_close(g, e, rtol=1e-4, atol=1e-4 * float(e.abs().max()))


def test_official_position_rule():
    """Bicubic with the scale factor (n + 0.1) / 37, point by point in float64 (cubic convolution, a = -0.75)."""
    model = VDViT('small', out='rgb')
    randomise(model)
    table = model.rgb_stream.pos_embed[0, 1:].double().view(37, 37, -1)[:, :, :5]

    def weights(t):
        a = -0.75
        near, far = (
            (lambda d: ((a + 2) * d - (a + 3)) * d * d + 1),
            (lambda d: ((a * d - 5 * a) * d + 8 * a) * d - 4 * a),
        )
        return [far(t + 1), near(t), near(1 - t), far(2 - t)]

    got = model.rgb_stream.positions((16, 20))[0, 1:].view(16, 20, -1)[:, :, :5].double()
    for i, j in ((0, 0), (3, 7), (15, 19), (8, 1)):
        total = torch.zeros(5, dtype=torch.float64)
        y, x = ((k + 0.5) / ((n + 0.1) / 37) - 0.5 for k, n in ((i, 16), (j, 20)))
        for m, wy in enumerate(weights(y - int(y // 1))):
            for n, wx in enumerate(weights(x - int(x // 1))):
                total += wy * wx * table[min(max(int(y // 1) - 1 + m, 0), 36), min(max(int(x // 1) - 1 + n, 0), 36)]
        torch.testing.assert_close(got[i, j], total, rtol=0, atol=1e-5)
    assert torch.equal(model.rgb_stream.positions((37, 37)), model.rgb_stream.pos_embed)


@pytest.mark.parametrize('layout', REFERENCES)
def test_depth_stream_starts_from_the_same_file(layout, tmp_path):
    make, _, _ = REFERENCES[layout]
    model = VDViT('small', init_cfg=dict(type='Pretrained', checkpoint=str(saved(make(), layout, tmp_path))))
    before = model.depth_stream.patch_embed.proj.weight.clone()
    model.init_weights()
    for (name, rgb), (_, depth) in zip(
        model.rgb_stream.named_parameters(), model.depth_stream.named_parameters(), strict=True
    ):
        assert name == 'patch_embed.proj.weight' or torch.equal(rgb, depth), name
    assert torch.equal(before, model.depth_stream.patch_embed.proj.weight)


def test_vd_checkpoint_goes_back_in(tmp_path):
    first = randomise(VDViT(**TINY))
    torch.save(
        dict(state_dict={f'backbone.{k}': v for k, v in first.state_dict().items()} | {'head.x': torch.ones(1)}),
        tmp_path / 'vd.pth',
    )
    x = torch.rand(1, 4, 56, 56)
    for changes in (dict(), dict(out='rgb'), dict(out_type='cls_token')):
        second = VDViT(**TINY, init_cfg=dict(type='Pretrained', checkpoint=str(tmp_path / 'vd.pth')), **changes).eval()
        second.init_weights()
        assert torch.equal(second.encode_rgb(x[:, :3]).cls_token, first.encode_rgb(x[:, :3]).cls_token)
    second = VDViT(**TINY, init_cfg=dict(type='Pretrained', checkpoint=str(tmp_path / 'vd.pth'))).eval()
    second.init_weights()
    assert all(torch.equal(a, b) for a, b in zip(first(x), second(x), strict=True))


class Evil:
    def __reduce__(self):
        return print, ('code ran',)


def test_refuses_wrong_files(tmp_path, capsys):

    def load(path, **changes):
        VDViT(**{**TINY, **changes}, init_cfg=dict(type='Pretrained', checkpoint=str(path))).init_weights()

    with pytest.raises(WeightsError, match='no such weights file'):
        load(tmp_path / 'gone.pth')
    (tmp_path / 'noise.pth').write_bytes(b'not a checkpoint')
    with pytest.raises(WeightsError, match='noise.pth: not a weights file'):
        load(tmp_path / 'noise.pth')
    torch.save(timm.create_model('resnet18').state_dict(), tmp_path / 'resnet.pth')
    with pytest.raises(WeightsError, match='resnet.pth: fits nothing'):
        load(tmp_path / 'resnet.pth')
    torch.save(timm_small().state_dict(), tmp_path / 'small.pth')
    with pytest.raises(WeightsError, match='does not fit.*expected'):
        load(tmp_path / 'small.pth')
    (tmp_path / 'cut.pth').write_bytes((tmp_path / 'small.pth').read_bytes()[:10000])
    with pytest.raises(WeightsError, match='cut.pth: .*truncated'):
        load(tmp_path / 'cut.pth')
    save_file({'a': torch.ones(4)}, tmp_path / 'cut.safetensors')
    (tmp_path / 'cut.safetensors').write_bytes((tmp_path / 'cut.safetensors').read_bytes()[:-3])
    with pytest.raises(WeightsError, match='cut.safetensors: .*truncated'):
        load(tmp_path / 'cut.safetensors')
    registers = timm.create_model('vit_small_patch14_reg4_dinov2', pretrained=False).state_dict()
    torch.save(registers, tmp_path / 'reg.pth')
    with pytest.raises(WeightsError, match='register tokens'):
        load(tmp_path / 'reg.pth')
    torch.save(dict(state_dict=Evil()), tmp_path / 'evil.pth')
    (tmp_path / 'evil_old.pth').write_bytes(pickle.dumps(Evil()))
    for name in ('evil.pth', 'evil_old.pth'):
        with pytest.raises(WeightsError, match=name):
            load_checkpoint(tmp_path / name)
    assert 'code ran' not in capsys.readouterr().out


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
