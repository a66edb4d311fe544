"""Weights files through every way in: as an encoder's start, as a whole model, and in the test tool."""

import pickle
import zipfile

import numpy as np
import pytest
import torch
from mmengine.config import Config
from safetensors.torch import save_file
from torch.optim.swa_utils import AveragedModel

from mmvd.apis.loading import build_filled
from mmvd.engine.hooks.checks import StrictLoadHook
from mmvd.errors import WeightsError
from mmvd.models.weights import load_checkpoint, load_encoder_weights, tensors_of
from mmvd.registry import MODELS
from tests.conftest import TINY, tiny_completer


def of_itself(outer: dict) -> dict:
    outer['state_dict'] = dict(model=outer)
    return outer


class Hostile:
    def __reduce__(self):
        return print, ('this must never run',)


BACKBONE = dict(type='mmvd.VDViT', strides=(2, 4, 8, 16), **TINY)
MODEL = dict(
    type='mmvd.DepthCompleter',
    backbone=BACKBONE,
    head=dict(type='mmvd.DepthCompletionHead', in_channels=32, channels=(16, 12, 8, 8)),
)


@pytest.fixture(scope='module')
def state():
    return tiny_completer(test_cfg=None).state_dict()


def first(state, change):
    """The state with its first patch embedding changed."""
    key = 'backbone.rgb_stream.patch_embed.proj.weight'
    return {**state, key: change(state[key])}


DEEPER = 'backbone.rgb_stream.blocks.9.ls1.gamma'
CONTENTS = [  # name, what is saved, a word of the message
    ('list', lambda s: [1, 2], 'holds no tensors by name'),
    ('itself', lambda s: of_itself({}), 'holds itself'),
    ('empty', lambda s: {}, 'holds no tensors'),
    ('numbers', lambda s: dict(state_dict=dict(a=1)), 'holds no tensors'),
    ('state_list', lambda s: dict(state_dict=[1]), 'its state_dict is list'),
    ('state_none', lambda s: dict(state_dict=None), 'its state_dict is NoneType'),
    ('meta_list', lambda s: dict(state_dict=s, meta=[1]), 'its meta is list'),
    ('meta_text', lambda s: dict(state_dict=s, meta='x'), 'its meta is str'),
    ('left_text', lambda s: dict(state_dict=s, left_out='rgb'), 'its left_out is str'),
    ('left_empty', lambda s: dict(state_dict=s, left_out={}), 'its left_out lacks part or sha256'),
    ('left_none', lambda s: dict(state_dict=s, left_out=None), 'its left_out is NoneType'),
    ('left_number', lambda s: dict(state_dict=s, left_out=dict(part=1, sha256='a')), 'its left_out lacks'),
    ('nan', lambda s: dict(state_dict=first(s, lambda x: x * float('nan'))), 'holds NaN or infinite'),
    ('inf', lambda s: dict(state_dict=first(s, lambda x: x / 0)), 'holds NaN or infinite'),
    ('one_nan', lambda s: dict(state_dict=first(s, one_nan)), 'holds NaN or infinite'),
    ('int8', lambda s: dict(state_dict=first(s, lambda x: x.to(torch.int8))), 'torch.int8, expected torch.float32'),
    ('bool', lambda s: dict(state_dict=first(s, lambda x: x > 0)), 'torch.bool, expected torch.float32'),
    ('complex', lambda s: dict(state_dict=first(s, lambda x: x.to(torch.complex64))), 'torch.complex64, expected'),
    ('sparse', lambda s: dict(state_dict=first(s, lambda x: x.to_sparse())), 'sparse|refused|damaged'),
    ('meta_tensor', lambda s: dict(state_dict=first(s, lambda x: x.to('meta'))), 'without values'),
    ('shape', lambda s: dict(state_dict=first(s, lambda x: x[:, :1])), 'expected'),
    ('lacking', lambda s: dict(state_dict={k: v for k, v in s.items() if 'blocks.3.mlp' not in k}), 'missing'),
    ('deeper', lambda s: dict(state_dict=dict(s, **{DEEPER: torch.ones(32)})), 'no place'),
    ('whole_meta', lambda s: dict(state_dict=s, meta=torch.ones(1)), 'its meta is Tensor'),
    ('left_tensor', lambda s: dict(state_dict=s, left_out=torch.ones(1)), 'its left_out is Tensor'),
    ('encoding', lambda s: dict(state_dict=s, meta=dict(depth_encoding='pde')), 'its depth_encoding is str'),
    ('classes', lambda s: dict(state_dict=s, meta=dict(dataset_meta=[1])), 'its dataset_meta is list'),
    ('float64', lambda s: dict(state_dict=first(s, lambda x: x.double() + 1e300)), 'holds NaN or infinite'),
    ('nan_complex', lambda s: dict(state_dict=first(s, lambda x: x * complex('nan'))), 'NaN|complex'),
    ('foreign', lambda s: dict(state_dict=dict(a=torch.ones(3))), 'fits nothing|does not fit'),
]


def one_nan(x):
    x = x.clone()
    x.view(-1)[7] = float('nan')
    return x


def ways(path):
    """Three ways in; each gets a fresh model."""

    def hook():
        class Runner:
            model, cfg = MODELS.build(MODEL), Config(dict(load_from=str(path)))

        StrictLoadHook().after_load_checkpoint(Runner, load_checkpoint(path))

    return dict(
        model=lambda: build_filled(Config(dict(model=MODEL)), path),
        encoder=lambda: load_encoder_weights(MODELS.build(BACKBONE), path),
        hook=hook,
    )


@pytest.mark.parametrize('way', ['model', 'encoder', 'hook'])
@pytest.mark.parametrize('name, make, match', CONTENTS, ids=[row[0] for row in CONTENTS])
def test_contents(tmp_path, state, way, name, make, match):
    path = tmp_path / f'{name}.pth'
    torch.save(make(dict(state)), path)
    with pytest.raises(WeightsError, match=match) as error:
        ways(path)[way]()
    assert name in str(error.value) and '\n' not in str(error.value)


@pytest.mark.parametrize('way', ['model', 'encoder', 'hook'])
@pytest.mark.parametrize(
    'wrap',
    [
        lambda s: s,
        lambda s: dict(state_dict=s),
        lambda s: dict(state_dict=s, meta=None),
        lambda s: dict(model=s),
        lambda s: dict(state_dict={f'module.{key}': value for key, value in s.items()}),
        lambda s: dict(model={f'module.{key}': value for key, value in s.items()}, meta={}),
        lambda s: dict(teacher=s),
    ],
)
def test_wrappers_that_load_everywhere(tmp_path, state, way, wrap):
    torch.save(wrap(dict(state)), tmp_path / 'a.pth')
    ways(tmp_path / 'a.pth')[way]()


def raw(tmp_path, state, kind: str):
    """A damaged or hostile file; returns its path."""
    path = tmp_path / 'a.pth'
    torch.save(dict(state_dict=state), path)
    data = bytearray(path.read_bytes())
    if kind == 'flipped':  # within a tensor: only the archive's checksum can tell
        with zipfile.ZipFile(path) as archive:
            largest = max(archive.infolist(), key=lambda info: info.file_size)
        data[largest.header_offset + largest.file_size // 2] ^= 0xFF
    content = dict(
        nothing=b'',
        text=b'not weights',
        page=b'<html>404</html>' * 99,
        half=bytes(data[: len(data) // 2]),
        tail=bytes(data[len(data) // 2 :]),
        flipped=bytes(data),
        legacy_hostile=pickle.dumps(Hostile(), protocol=2),
        pickled_list=pickle.dumps([1, 2], protocol=4),
        zip_of_nothing=b'PK\x05\x06' + b'\0' * 18,
    )[kind]
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    'kind, match',
    [
        ('nothing', 'not a weights file'),
        ('text', 'not a weights file'),
        ('page', 'not a weights file'),
        ('half', 'not a weights file'),
        ('tail', 'not a weights file|holds no'),
        ('flipped', 'damaged one'),
        ('legacy_hostile', 'refused'),
        ('pickled_list', 'not a weights file|refused|holds no tensors'),
        ('zip_of_nothing', 'not a weights file|refused'),
    ],
)
def test_damaged_and_hostile_files(tmp_path, state, kind, match, capfd):
    path = raw(tmp_path, dict(state), kind)
    with pytest.raises(WeightsError, match=match) as error:
        load_checkpoint(path)
    assert '\n' not in str(error.value) and 'never run' not in ''.join(capfd.readouterr())


def test_a_hostile_archive_is_refused(tmp_path, capfd):
    torch.save(dict(state_dict=Hostile()), tmp_path / 'a.pth')
    with pytest.raises(WeightsError, match='refused'):
        load_checkpoint(tmp_path / 'a.pth')
    assert 'never run' not in ''.join(capfd.readouterr())


@pytest.mark.parametrize('cut', [0, 4, 8, 100, -1])
def test_cut_safetensors(tmp_path, cut):
    path = tmp_path / 'a.safetensors'
    save_file(dict(a=torch.ones(99)), path)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(WeightsError, match='a.safetensors: not a weights file'):
        load_checkpoint(path)


@pytest.mark.parametrize(
    'content',
    [
        dict(model='vit_base', state_dict=dict(a=torch.ones(1))),  # the name of the architecture
        dict(model=dict(state_dict=dict(a=torch.ones(1)))),
        dict(net=dict(module=dict(model=dict(a=torch.ones(1))))),
    ],
    ids=['name', 'inside', 'deep'],
)
def test_wrappers_of_others(tmp_path, content):
    torch.save(content, tmp_path / 'a.pth')
    assert tensors_of(load_checkpoint(tmp_path / 'a.pth'), 'a.pth').keys() == {'a'}


@pytest.mark.parametrize('key', ['state_dict', 'model_state_dict', 'model', 'net'])
@pytest.mark.parametrize(
    'wrap',
    [
        lambda m: m,
        torch.compile,
        torch.nn.DataParallel,
        AveragedModel,
        lambda m: torch.compile(AveragedModel(m)),
        lambda m: AveragedModel(torch.nn.DataParallel(m)),
    ],
)
def test_weights_of_loops_in_plain_torch(tmp_path, key, wrap):
    model = torch.nn.Sequential(torch.nn.Linear(2, 3))
    torch.save({key: wrap(model).state_dict(), 'epoch': 3}, tmp_path / 'a.pth')
    found = tensors_of(load_checkpoint(tmp_path / 'a.pth'), 'a.pth')
    assert found.keys() == model.state_dict().keys()


@pytest.mark.parametrize('beside', [dict(net='vit_b'), dict(net=None), dict(model_state_dict=None)])
def test_other_contents_of_these_names_do_no_harm(tmp_path, beside):
    torch.save(dict(state_dict=dict(a=torch.ones(1)), **beside), tmp_path / 'a.pth')
    assert tensors_of(load_checkpoint(tmp_path / 'a.pth'), 'a.pth').keys() == {'a'}


def test_what_holds_no_tensors_says_what_it_holds():
    with pytest.raises(WeightsError, match='x: holds no tensors by name, only epoch, weights: save the state dict'):
        tensors_of(dict(epoch=3, weights=dict(a=torch.ones(1))), 'x')


def test_values_are_asked_for_once_and_only_of_floats():
    state = dict(a=torch.ones(3), n=torch.tensor(7), b=torch.zeros(0))
    assert set(tensors_of(dict(state_dict=state), 'x')) == {'a', 'n', 'b'}
    for bad in (np.inf, -np.inf, np.nan):
        with pytest.raises(WeightsError, match='b holds NaN'):
            tensors_of(dict(a=torch.ones(3), b=torch.tensor([1.0, bad])), 'x')
