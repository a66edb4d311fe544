"""Weights of VDViT: its tokens against timm, transformers and mmpretrain, what goes back in, what is refused."""

import pickle

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn

from mmvd.errors import WeightsError
from mmvd.models.backbones import VDViT
from mmvd.models.weights import leave_out, load_checkpoint
from mmvd.models.weights.layouts import to_dinov2_names
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


@pytest.fixture(scope='module', params=REFERENCES)
def pair(request, tmp_path_factory):
    """A reference, how its tokens are read, and ours with its weights."""
    make, run, rule = REFERENCES[request.param]
    reference = make()
    file = saved(reference, request.param, tmp_path_factory.mktemp('weights'))
    model = VDViT('small', position_rule=rule, init_cfg=dict(type='Pretrained', checkpoint=str(file)))
    model.init_weights()
    return reference, run, model


@pytest.mark.parametrize('size', [(518, 518), (546, 546), (448, 448), (224, 224), (140, 196)])
def test_rgb_tokens_equal_the_reference(pair, size):
    reference, run, model = pair
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
    torch.save(leave_out(dict(state_dict=VDViT(**TINY).state_dict())), tmp_path / 'adapter.pth')
    with pytest.raises(WeightsError, match='adapter.pth: leaves out rgb_stream and cannot fill an encoder: name the'):
        load(tmp_path / 'adapter.pth')
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


@pytest.mark.parametrize('prefix', ['dinov2_with_registers.', 'model.backbone.', 'module.model.'])
def test_prefixes_of_others(prefix):
    """Hugging Face's classifier with registers, Lightning, a loop in DataParallel; a head beside it is left out."""
    state = {f'{prefix}{key}': value for key, value in timm_small().state_dict().items()}
    found, _ = to_dinov2_names({**state, 'head.weight': torch.zeros(1)}, 'a')
    assert 'blocks.0.attn.qkv.weight' in found and 'pos_embed' in found
