"""Streams against timm's own tokens, and their weights through the layouts in which people publish them."""

import pytest
import timm
import torch
from safetensors.torch import save_file

from mmvd.errors import ConfigError, WeightsError
from mmvd.models import TimmStream, VDViT, ViTStream
from mmvd.models.backbones import Stream
from tests.models.test_vd_vit_weights import randomise

LAYERS = (1, 2, 3, 4)
SMALL = dict(depth=4, embed_dim=48, num_heads=3)
PLAIN = {  # timm's name: side of its position embedding, the sides to try
    'eva02_base_patch14_224': (224, (224, 448)),
    'vit_small_patch16_dinov3': (256, (224, 448)),
    'vit_base_patch16_siglip_224': (224, (224, 448)),
    'vit_base_patch16_clip_224': (224, (224, 160)),
    'vit_base_patch16_clip_quickgelu_224': (224, (224,)),
    'vit_base_patch16_224': (224, (224, 448)),  # MAE
    'vit_small_patch14_reg4_dinov2': (518, (224, 518)),
    'deit_small_patch16_224': (224, (224,)),
}
ATOL = 2e-5  # float32, two orders of the same additions


def reference(name: str, **changes):
    torch.manual_seed(0)
    model = timm.create_model(name, dynamic_img_size=True, num_classes=0, **{**SMALL, **changes})
    return randomise(model).eval()


def encoder(name: str, path, **changes):
    rgb = dict(type='mmvd.TimmStream', model_name=name, model_args=SMALL)
    model = VDViT(rgb=rgb, frozen='rgb', init_cfg=dict(type='Pretrained', checkpoint=str(path)), **changes)
    model.init_weights()
    return model.eval()


def tokens_of(model, x):
    return model.forward_intermediates(x, indices=4, output_fmt='NLC', intermediates_only=True)


@pytest.mark.parametrize('name', PLAIN)
def test_tokens_are_timms(tmp_path, name):
    theirs = reference(name)
    save_file(theirs.state_dict(), tmp_path / 'rgb.safetensors')
    ours = encoder(name, tmp_path / 'rgb.safetensors')
    for side in PLAIN[name][1]:
        x = torch.randn(1, 3, side, side + 2 * ours.patch_size)
        expected, found = tokens_of(theirs, x), ours.encode_rgb(x)
        for a, b in zip(expected, found.tokens, strict=True):
            torch.testing.assert_close(b, a, atol=ATOL, rtol=0)
        if theirs.cls_token is not None:
            final = theirs.fc_norm(theirs.forward_features(x)[:, 0])  # EVA-02's norm comes after the pooling
            torch.testing.assert_close(ours.rgb_stream.norm(found.cls_token), final, atol=5 * ATOL, rtol=0)


@pytest.mark.parametrize('name', PLAIN)
def test_the_pair_trains_and_its_checkpoint_comes_back(tmp_path, name):
    save_file(reference(name).state_dict(), tmp_path / 'rgb.safetensors')
    model = encoder(name, tmp_path / 'rgb.safetensors', strides=(2, 4, 8, 16))
    inputs = torch.cat((torch.randn(2, 3, 64, 70), 4 * torch.rand(2, 1, 64, 70)), 1)
    maps = model.train()(inputs)
    assert [tuple(x.shape) for x in maps] == [(2, 48, -(-64 // s), -(-70 // s)) for s in (2, 4, 8, 16)]
    sum(x.float().square().mean() for x in maps).backward()
    without = [key for key, value in model.named_parameters() if value.requires_grad and value.grad is None]
    assert not without  # DDP without a search for unused parameters
    assert not any(value.requires_grad for value in model.rgb_stream.parameters())
    save_file(model.state_dict(), tmp_path / 'vd.safetensors')
    again = encoder(name, tmp_path / 'vd.safetensors', strides=(2, 4, 8, 16))
    for a, b in zip(model.eval()(inputs), again(inputs), strict=True):
        assert torch.equal(a, b)


def official_eva02(state: dict) -> dict:
    """timm's names brought to those of the official release, with what it holds besides."""
    pairs = (('mlp.norm.', 'mlp.ffn_ln.'), ('mlp.fc1_g.', 'mlp.w1.'),
             ('mlp.fc1_x.', 'mlp.w2.'), ('mlp.fc2.', 'mlp.w3.'), ('q_proj.bias', 'q_bias'), ('v_proj.bias', 'v_bias'),
             ('fc_norm.', 'norm.'))  # fmt: skip
    renamed = {}
    for key, value in state.items():
        for timms, official in pairs:
            key = key.replace(timms, official)
        renamed[key] = value
    shapes = {'mask_token': (1, 1, 48), 'lm_head.weight': (5, 48), 'lm_head.bias': (5,), 'rope.freqs_cos': (256, 16)}
    return {**renamed, **{key: torch.zeros(shape) for key, shape in shapes.items()}}


def test_official_eva02_layout(tmp_path):
    theirs = reference('eva02_base_patch14_224')
    official = official_eva02(theirs.state_dict())
    assert (
        'blocks.0.mlp.w1.weight' in official and 'blocks.0.mlp.ffn_ln.weight' in official and 'norm.weight' in official
    )
    torch.save(dict(module=official), tmp_path / 'eva02_B_pt_in21k_p14.pt')
    ours = encoder('eva02_base_patch14_224', tmp_path / 'eva02_B_pt_in21k_p14.pt')
    x = torch.randn(1, 3, 224, 224)
    for a, b in zip(tokens_of(theirs, x), ours.encode_rgb(x).tokens, strict=True):
        torch.testing.assert_close(b, a, atol=ATOL, rtol=0)


@pytest.mark.parametrize('size', [56, 84, (56, 70)])
def test_dinov2_with_registers_is_timms(tmp_path, size):
    theirs = reference('vit_small_patch14_reg4_dinov2', img_size=56)
    save_file(theirs.state_dict(), tmp_path / 'reg.safetensors')
    arch = dict(embed_dims=48, depth=4, num_heads=3)
    rgb = dict(type='mmvd.ViTStream', arch=arch, img_size=56, num_registers=4)
    ours = VDViT(rgb=rgb, init_cfg=dict(type='Pretrained', checkpoint=str(tmp_path / 'reg.safetensors')))
    ours.init_weights()
    x = torch.randn(1, 3, *((size, size) if isinstance(size, int) else size))
    found = ours.eval().encode_rgb(x)
    for a, b in zip(tokens_of(theirs, x), found.tokens, strict=True):
        torch.testing.assert_close(b, a, atol=ATOL, rtol=0)
    assert torch.equal(ours.depth_stream.register_tokens, ours.rgb_stream.register_tokens)
    plain = VDViT(arch, img_size=56, init_cfg=dict(type='Pretrained', checkpoint=str(tmp_path / 'reg.safetensors')))
    with pytest.raises(WeightsError, match='4 register tokens, but the config has 0'):
        plain.init_weights()


def test_registers_in_the_hugging_face_layout(tmp_path):
    transformers = pytest.importorskip('transformers')
    config = transformers.Dinov2WithRegistersConfig(
        hidden_size=48, num_hidden_layers=4, num_attention_heads=3, image_size=56, patch_size=14, num_register_tokens=4
    )
    torch.manual_seed(0)
    theirs = randomise(transformers.Dinov2WithRegistersModel(config)).eval()
    save_file(theirs.state_dict(), tmp_path / 'hf.safetensors')
    rgb = dict(type='mmvd.ViTStream', arch=dict(embed_dims=48, depth=4, num_heads=3), img_size=56, num_registers=4)
    ours = VDViT(rgb=rgb, out='rgb', init_cfg=dict(type='Pretrained', checkpoint=str(tmp_path / 'hf.safetensors')))
    ours.init_weights()
    x = torch.randn(1, 3, 56, 56)
    expected = theirs(x, output_hidden_states=True).hidden_states[1:]
    for a, b in zip(expected, ours.eval().encode_rgb(x).tokens, strict=True):
        torch.testing.assert_close(b, a[:, 5:], atol=ATOL, rtol=0)


@pytest.mark.parametrize(
    'name, match',
    [
        ('swin_tiny_patch4_window7_224', 'no plain ViT'),
        ('vit_medium_patch16_rope_reg1_gap_256', None),
        ('convnext_tiny', 'no plain ViT'),
        ('vitdet_base', 'timm has no model|no model'),
        ('samvit_base_patch16', 'no plain ViT'),
        ('vit_relpos_base_patch16_224', 'no plain ViT'),
        ('hiera_tiny_224', 'no plain ViT'),
        ('resnet50', 'no plain ViT'),
        ('no_such_model', 'no model'),
        (7, 'no model'),
    ],
)
def test_what_is_plain(name, match):
    if match is None:
        assert isinstance(TimmStream(name, model_args=dict(depth=4)), Stream)
        return
    with pytest.raises(ConfigError, match=match):
        TimmStream(name)


def test_arguments(tmp_path):
    rgb = dict(type='mmvd.TimmStream', model_name='vit_base_patch16_siglip_224', model_args=SMALL)
    for arguments, match in (
        (dict(rgb=rgb, arch='base'), 'arch belong to the short form'),
        (dict(rgb=rgb, img_size=224), 'img_size belong to the short form'),
        (dict(rgb=rgb, depth=dict(rgb, model_args=dict(SMALL, depth=5))), 'fusion needs the same of both'),
        (dict(rgb=rgb, out_type='cls_token'), "no class token: take 'avg_featmap'"),
        (dict(rgb=dict(rgb, model_args=dict(depth='x'))), 'timm cannot build'),
        (dict(rgb=dict(rgb, in_channels=0)), 'in_channels'),
        (dict(rgb=dict(type='mmvd.ViTStream', num_registers=-1)), 'num_registers'),
    ):
        with pytest.raises(ConfigError, match=match):
            VDViT(**arguments)
    key = dict(type='mmvd.PositionalDepthEncoding', per_sample_max=True)
    clip = dict(rgb, model_name='vit_base_patch16_clip_224')
    for streams in (dict(rgb=rgb), dict(rgb=clip, depth=dict(rgb, in_channels=32))):
        with pytest.raises(ConfigError, match='writes its maximum into a class token, and this ViT has none'):
            VDViT(**streams, depth_encoding=key)
    VDViT(rgb=rgb, depth=dict(clip, in_channels=32), depth_encoding=key)  # it is the depth stream that gets it
    save_file(reference('vit_base_patch16_clip_224').state_dict(), tmp_path / 'clip.safetensors')
    with pytest.raises(WeightsError, match='does not fit|cannot bring it'):
        encoder('vit_base_patch16_siglip_224', tmp_path / 'clip.safetensors')


@pytest.mark.parametrize(
    'build',
    [
        lambda: TimmStream('eva02_base_patch14_224', model_args=SMALL),
        lambda: ViTStream(dict(embed_dims=48, depth=4, num_heads=3), img_size=56, num_registers=2),
    ],
    ids=['TimmStream', 'ViTStream'],
)
def test_a_key_is_added_to_the_class_token_before_anything_else(build):
    stream = build().eval()
    x, key = torch.randn(2, 3, 28, 28), torch.randn(2, 48)
    plain, keyed = stream.embed(x)[0], stream.embed(x, key)[0]
    torch.testing.assert_close(keyed[:, 0], plain[:, 0] + key)
    assert torch.equal(keyed[:, 1:], plain[:, 1:])


def test_positions_are_made_for_the_size_that_is_asked_for():
    sides = [TimmStream('vit_base_patch16_siglip_224', img_size=s, model_args=SMALL).vit.pos_embed for s in (64, None)]
    assert [positions.shape[1] for positions in sides] == [4 * 4, 14 * 14]


@pytest.mark.parametrize('name', ['vit_base_patch16_clip_224', 'vit_base_patch16_siglip_224'])
def test_the_mean_patch_stands_for_a_class_token_that_there_is_none(name):
    model = VDViT(rgb=dict(type='mmvd.TimmStream', model_name=name, model_args=SMALL)).eval()
    x = torch.cat((torch.randn(2, 3, 32, 48), torch.rand(2, 1, 32, 48) * 5), 1)
    with torch.no_grad():
        fused = model.encode_depth(x[:, 3:], model.encode_rgb(x[:, :3]))[0]
        token = model.encode(x)[1]
        patches = model.depth_stream.norm(fused.patches).mean(1)
        expected = patches if 'siglip' in name else model.depth_stream.norm(fused.cls_token)
    torch.testing.assert_close(token, expected)
    assert token.shape == (2, 48) and torch.allclose(token, patches) == ('siglip' in name)
