"""The authors' layout: names, swapped gates, there and back."""

import pytest
import torch
from mmengine.config import Config

from mmvd.errors import WeightsError
from mmvd.models.weights import leave_out, load_encoder_weights
from mmvd.models.weights.authors import from_authors, is_authors, to_authors
from mmvd.registry import MODELS
from tests.commands import script
from tests.conftest import TINY, tiny_completer
from tests.models.test_vd_vit_weights import randomise


@pytest.fixture
def model():
    return randomise(tiny_completer(test_cfg=None)).eval()


def test_there_and_back(model):
    state = model.state_dict()
    theirs = to_authors(state, 'a')
    assert is_authors(theirs) and not is_authors(state)
    assert theirs['encoder.depth_encoder.fusion_layers.0.se_rgb.fc.0.weight'].shape == (2, 32, 1, 1)
    assert 'decoder.decoder_block.0.conv1.0.weight' in theirs and 'depth_estimator.3.0.bias' in theirs
    for number in (1, 2):
        names = {f'decoder.decoder_block.0.conv{number}.{part}' for part in ('0.weight', '1.weight', '1.running_var')}
        assert names <= theirs.keys()
    linear = {key: x[:, :, 0, 0] if '.fc.' in key and x.ndim == 4 else x for key, x in theirs.items()}
    for each in (theirs, linear):  # gates may be linear layers there, too
        again = from_authors(each, 'a')
        assert again.keys() == state.keys() and all(torch.equal(again[key], state[key]) for key in state)


def test_what_they_call_rgb_gates_depth(model):
    """Their module, written out: two gates of one-pixel convolutions, called with (depth, RGB)."""
    theirs = to_authors(model.state_dict(), 'a')

    def gate(name, x):
        prefix = f'encoder.depth_encoder.fusion_layers.0.{name}.fc'
        hidden = torch.conv2d(x, theirs[f'{prefix}.0.weight'], theirs[f'{prefix}.0.bias']).relu()
        return x * torch.conv2d(hidden, theirs[f'{prefix}.2.weight'], theirs[f'{prefix}.2.bias']).sigmoid()

    depth, rgb = torch.randn(2, 5, 32), torch.randn(2, 5, 32)
    as_maps = [x.flatten(0, 1)[:, :, None, None] for x in (depth, rgb)]
    expected = (gate('se_rgb', as_maps[0]) + gate('se_depth', as_maps[1])).view(2, 5, 32)
    torch.testing.assert_close(model.backbone.fusions[0](depth, rgb), expected)


def test_their_encoder_file_starts_ours(model, tmp_path):
    theirs = to_authors(model.state_dict(), 'a')
    encoder = {key.removeprefix('encoder.'): value for key, value in theirs.items() if key.startswith('encoder.')}
    encoder['color_encoder.mask_token'] = torch.zeros(1, 32)
    torch.save(dict(state_dict=encoder), tmp_path / 'theirs.pth')
    ours = MODELS.build(dict(type='mmvd.VDViT', strides=(2, 4, 8, 16), **TINY)).eval()
    report = load_encoder_weights(ours, tmp_path / 'theirs.pth')
    assert "authors' layout" in report
    x = torch.cat((torch.randn(1, 3, 56, 56), 3 * torch.rand(1, 1, 56, 56)), 1)
    for a, b in zip(ours(x), model.backbone(x), strict=True):
        assert torch.equal(a, b)


def test_what_has_no_place_is_named():
    with pytest.raises(WeightsError, match='head.skips.0.weight has no place in the other layout'):
        to_authors({'head.skips.0.weight': torch.zeros(1)}, 'a')
    with pytest.raises(WeightsError, match='encoder.x.color has no place'):
        from_authors({'encoder.x.color': torch.zeros(1)}, 'a')


def test_what_is_not_their_model(model, tmp_path):
    """ViTs of timm, and a checkpoint that leaves the RGB stream out."""
    with pytest.raises(WeightsError, match='backbone.rgb_stream.vit.cls_token is of a ViT of timm'):
        to_authors({'backbone.rgb_stream.vit.cls_token': torch.zeros(1)}, 'a')
    torch.save(leave_out(dict(state_dict=model.state_dict())), tmp_path / 'adapter.pth')
    done = script('model_converters/authors_layout', tmp_path / 'adapter.pth', tmp_path / 'theirs.pth')
    assert done.returncode == 2 and 'leaves out rgb_stream: name the full one' in done.stderr, done.stderr


def test_verification_of_points(tmp_path):
    points = dict(type='mmvd.PositionalPointEncoding', num_channels=8)
    settings = dict(
        type='mmvd.DepthCompleter',
        data_preprocessor=dict(type='mmvd.RGBDDataPreprocessor', depth_encoding=points),
        backbone=dict(type='mmvd.VDViT', strides=(2, 4, 8, 16), depth_encoding=points, **TINY),
        head=dict(type='mmvd.DepthCompletionHead', in_channels=32, channels=(16, 12, 8, 8), num_axes=3),
    )
    torch.save(dict(state_dict=MODELS.build(settings).backbone.state_dict()), tmp_path / 'ours.pth')
    state = torch.load(tmp_path / 'ours.pth', weights_only=True)['state_dict']
    torch.save(dict(state_dict={f'backbone.{key}': value for key, value in state.items()}), tmp_path / 'ours.pth')
    Config(dict(model=settings)).dump(tmp_path / 'c.py')
    tool = 'model_converters/authors_layout'
    done = script(tool, tmp_path / 'ours.pth', tmp_path / 'theirs.pth', '--verify', tmp_path / 'c.py')
    assert done.returncode == 0 and 'largest distance 0' in done.stdout, done.stderr


def test_command(model, tmp_path):
    torch.save(dict(state_dict=model.state_dict()), tmp_path / 'ours.pth')
    config = Config(dict(model=dict(
        type='mmvd.DepthCompleter',
        backbone=dict(type='mmvd.VDViT', strides=(2, 4, 8, 16), **TINY),
        head=dict(type='mmvd.DepthCompletionHead', in_channels=32, channels=(16, 12, 8, 8)),
    )))  # fmt: skip
    config.dump(tmp_path / 'c.py')
    tool = 'model_converters/authors_layout'
    done = script(tool, tmp_path / 'ours.pth', tmp_path / 'theirs.pth', '--verify', tmp_path / 'c.py')
    assert done.returncode == 0 and 'largest distance 0' in done.stdout, done.stderr
    assert 'would overwrite what it is' in script(tool, tmp_path / 'ours.pth', tmp_path / 'ours.pth').stderr
    done = script(tool, tmp_path / 'theirs.pth', tmp_path / 'back.pth')
    back = torch.load(tmp_path / 'back.pth', weights_only=True)['state_dict']
    assert all(torch.equal(back[key], value) for key, value in model.state_dict().items()), done.stderr
