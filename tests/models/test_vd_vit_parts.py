"""Parts of VDViT by formulas and counts, pooled features against timm, weights that would leave something random."""

import warnings

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file

from mmvd import ops
from mmvd.errors import ConfigError, SampleError, WeightsError
from mmvd.models.backbones import OmnivoreSwin3D, VDViT
from mmvd.models.backbones.fusion import SEFusion
from tests.conftest import TINY
from tests.models.test_vd_vit_weights import LAYERS, randomise


def test_gates_follow_their_formula():
    tokens, other = torch.randn(2, 5, 32), torch.randn(2, 5, 32)
    for gate in ('token', 'image'):
        fusion = randomise(SEFusion(32, gate=gate)).double()

        def gated(g, x, per_image=gate == 'image'):
            s = x.mean(1, keepdim=True) if per_image else x
            hidden = torch.relu(s @ g.squeeze.weight.T + g.squeeze.bias)
            return x / (1 + torch.exp(-(hidden @ g.excite.weight.T + g.excite.bias)))

        x, y = tokens.double(), other.double()
        torch.testing.assert_close(fusion(x, y), gated(fusion.gate_depth, x) + gated(fusion.gate_rgb, y))


def test_parameter_counts_of_the_paper():
    with torch.device('meta'):
        model = VDViT('base')
    count = lambda module: sum(p.numel() for p in module.parameters())  # noqa: E731
    assert count(model.rgb_stream) == 86_580_480 - 768  # the mask token is left out: nothing here masks RGB
    assert count(model.depth_stream) == 90_945_792 - 768
    assert count(model.fusions) == 596_352
    assert VDViT('small', out='rgb').fusion_layers == LAYERS
    with torch.device('meta'):
        assert VDViT('large').fusion_layers == (6, 12, 18, 24)


def small_rgb_file(path):
    """A random DINOv2 ViT-S of timm, and its file."""
    torch.manual_seed(0)
    model = randomise(timm.create_model('vit_small_patch14_dinov2', img_size=56, pretrained=False)).eval()
    save_file(model.state_dict(), path)
    return model


@pytest.mark.parametrize('blocks', [1, 4])
def test_pooled_features_are_timms(tmp_path, blocks):
    reference = small_rgb_file(tmp_path / 'rgb.safetensors')
    common = dict(
        arch='small',
        img_size=56,
        out='rgb',
        init_cfg=dict(type='Pretrained', checkpoint=str(tmp_path / 'rgb.safetensors')),
    )
    x = torch.randn(2, 3, 56, 56)
    layers = reference.get_intermediate_layers(x, n=blocks, return_prefix_tokens=True, norm=True)
    model = VDViT(**common, out_type='cls_token', last_blocks=blocks).eval()
    model.init_weights()
    (feature,) = model(x)
    assert feature.shape == (2, model.out_channels) == (2, 384 * blocks)
    torch.testing.assert_close(feature, torch.cat([prefix[:, 0] for _, prefix in layers], 1), rtol=1e-4, atol=1e-4)
    model = VDViT(**common, out_type='avg_featmap').eval()
    model.init_weights()
    torch.testing.assert_close(model(x)[0], layers[-1][0].mean(1), rtol=1e-4, atol=1e-4)


def test_pooled_features_of_both_streams():
    x = torch.rand(2, 4, 56, 56)
    both = randomise(VDViT(**TINY, out='rgb+fused', out_type='avg_featmap'))
    assert both(x)[0].shape == (2, 64) and len(both.fusions) == 4
    for index, out in enumerate(('rgb', 'fused')):
        alone = VDViT(**TINY, out=out, out_type='avg_featmap').eval()
        alone.load_state_dict({key: value for key, value in both.state_dict().items() if key in alone.state_dict()})
        torch.testing.assert_close(alone(x)[0], both(x)[0][:, 32 * index : 32 * (index + 1)])


def test_a_wholly_frozen_encoder_does_not_take_an_rgb_file(tmp_path):
    """Its depth patch embedding and fusions would stay random for ever."""
    small_rgb_file(tmp_path / 'rgb.safetensors')
    model = VDViT(
        'small',
        img_size=56,
        frozen='all',
        init_cfg=dict(type='Pretrained', checkpoint=str(tmp_path / 'rgb.safetensors')),
    )
    with pytest.raises(WeightsError, match='would stay random: name a VD checkpoint'):
        model.init_weights()
    alone = VDViT('small', img_size=56, frozen='all', out='rgb', init_cfg=model.init_cfg)
    alone.init_weights()  # which has no depth stream
    assert torch.equal(alone.rgb_stream.cls_token, load_file(tmp_path / 'rgb.safetensors')['cls_token'])


def test_the_class_token_comes_with_the_checks_of_forward():
    model, x = randomise(VDViT(**TINY)).eval(), torch.rand(2, 4, 56, 56)
    maps, token = model.encode(x[:, :3])
    assert all(torch.equal(a, b) for a, b in zip(maps, model(x[:, :3]), strict=True)) and token.shape == (2, 32)
    with pytest.raises(ConfigError, match='reads 1 depth channels .metres., got 2'):
        model.encode(torch.cat((x, x[:, :1]), 1))
    alone = VDViT(**TINY, out='rgb').eval()
    torch.testing.assert_close(alone.encode(x)[1], alone.rgb_stream.norm(alone.encode_rgb(x[:, :3]).cls_token))


@pytest.mark.parametrize('encoder', [lambda: VDViT(**TINY), lambda: OmnivoreSwin3D(16, (1, 1, 1, 1), (1, 2, 4, 8))])
def test_a_module_in_half_precision(encoder):
    model, x = encoder().eval(), torch.rand(1, 4, 56, 56)
    x[:, 3] = 8 * x[:, 3]
    expected, model = model(x), model.bfloat16()
    for a, b in zip(model(x), expected, strict=True):
        assert a.dtype == torch.bfloat16 and (a.float() - b).norm() < 0.02 * b.norm()
    assert model(x.bfloat16())[0].dtype == torch.bfloat16  # as timm's models are called


def test_metres_in_half_precision_are_told():
    model, x = VDViT(**TINY).eval(), torch.rand(1, 4, 56, 56).bfloat16()
    with pytest.warns(UserWarning, match='PositionalDepthEncoding: metres in torch.bfloat16 are rounded .* float32'):
        model.bfloat16()(x)
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        model(x.float())


def test_replicas_have_no_parameters():
    """Those of DataParallel hold tensors in their place."""
    model, x = VDViT(**TINY).eval(), torch.rand(1, 4, 56, 56)
    expected = model(x)
    for module in list(model.modules()):
        for name, parameter in list(module._parameters.items()):
            del module._parameters[name]
            setattr(module, name, None if parameter is None else parameter.detach())
    assert all(torch.equal(a, b) for a, b in zip(model(x), expected, strict=True))


def test_per_sample_maximum_writes_a_key():
    encoding = dict(type='mmvd.PositionalDepthEncoding', num_channels=8, per_sample_max=True, key_rule='code')
    model = VDViT(**{**TINY, 'arch': dict(embed_dims=96, depth=4, num_heads=2)}, depth_encoding=encoding).eval()
    randomise(model)
    x = torch.rand(1, 4, 56, 56) + 0.5
    y = x.clone()
    y[:, 3] *= 2  # the same picture of depth relative to its maximum: only the key tells
    assert not torch.allclose(model(x)[3], model(y)[3])


def test_encoded_channels_from_the_pipeline():
    inside = randomise(VDViT(**TINY, depth_encoding=dict(type='mmvd.PositionalDepthEncoding', num_channels=8)))
    outside = VDViT(**TINY, depth_encoding=None, depth_channels=8).eval()
    outside.load_state_dict(inside.state_dict())
    x = torch.rand(2, 4, 56, 56) + 0.5
    encoded = torch.cat((x[:, :3], ops.positional_depth_encoding(x[:, 3:], 8)), 1)
    assert all(torch.equal(a, b) for a, b in zip(inside(x), outside(encoded), strict=True))
    with pytest.raises(SampleError, match='encoded depth channels have no empty value'):
        outside(encoded[..., :50])
