"""Calls that cannot work are told in one line, before anything is computed."""

import os

import numpy as np
import pytest
import torch
from mmengine.config import Config

import mmvd
from mmvd.apis.arrays import depth_batch
from mmvd.apis.config_schema import check_kinds
from mmvd.apis.inputs import InputReader
from mmvd.apis.loading import build_filled
from mmvd.apis.page import answer, serve
from mmvd.errors import ConfigError, SampleError, SavingError
from mmvd.saving import AtomicLocalBackend, check_picture
from tests.apis.conftest import DEPTH, RGB
from tests.conftest import tiny_model


@pytest.fixture(scope='module')
def model():
    return tiny_model()


def test_lists_of_images(model):
    each = [model.complete(RGB[:rows], DEPTH[:rows]) for rows in (56, 42)]
    found = model.complete([RGB, RGB[:42]], [DEPTH, DEPTH[:42]])
    assert [np.array_equal(*pair) for pair in zip(found, each, strict=True)] == [True, True]
    assert model.complete([RGB])[0].shape == DEPTH.shape
    for depth in ([DEPTH], DEPTH):
        with pytest.raises(SampleError, match='a list of 2 images needs a list of as many depth maps'):
            model.complete([RGB, RGB], depth)


def test_few_whole_numbers_are_no_metres():
    """However plausible they are: two metres, or two millimetres?"""
    with pytest.raises(SampleError, match='whole numbers are seldom metres'):
        depth_batch(np.full((4, 6), 2, np.uint16), (1, 4, 6), None)


def test_depth_beside_a_dict():
    with pytest.raises(SampleError, match='a dict must have the keys rgb and depth, got rgb'):
        list(InputReader().sources([dict(rgb=RGB)], [DEPTH]))
    with pytest.raises(SampleError, match='a dict must have the keys rgb and depth, got depth'):
        list(InputReader().sources([dict(depth=DEPTH)]))


@pytest.mark.parametrize('values', [(None, 50, 'pixel', 1.0), (0, None, 'pixel', 1.0), (0, 50, 'pixel', None)])
def test_fields_of_the_page(model, values):
    with pytest.raises(SampleError, match='a slider or a field is empty: set it'):
        answer(model, None, None, *values)


def test_files_and_ports_of_the_page(model):
    with pytest.raises(SampleError, match='a depth file without its image: give both'):
        answer(model, None, 'depth.png', 0, 50, 'pixel', 1.0)
    with pytest.raises(ConfigError, match='--port 70000: ports end at 65535'):
        serve(model, 70000)


def test_what_is_no_model(model, monkeypatch, tmp_path):
    with pytest.raises(ConfigError, match='a model is named by a text, a path or a config, got 5'):
        mmvd.load_model(5)
    stored = dict(type='mmvd.StoredPredictions', folder=str(tmp_path))
    with pytest.raises(ConfigError, match='the config: mmvd.StoredPredictions has no backbone'):
        build_filled(Config(dict(model=stored)), None)
    monkeypatch.setattr(model.completer, 'backbone', torch.nn.Identity())
    with pytest.raises(ConfigError, match='Identity has no two streams of tokens to look at, take a VDViT'):
        model.streams(RGB, DEPTH)


def test_a_picture_below_a_file(tmp_path):
    (tmp_path / 'file').touch()
    with pytest.raises(ConfigError, match='cannot be written'):
        check_picture(tmp_path / 'file/a.png')
    (tmp_path / 'a.png').mkdir()
    with pytest.raises(ConfigError, match='a folder, where a file is to be written'):
        check_picture(tmp_path / 'a.png')


@pytest.mark.parametrize('number, remedy', [(28, 'free some space'), (13, 'choose another place')])
def test_the_remedy_is_that_of_the_error(tmp_path, monkeypatch, number, remedy):
    def refuse(*args):
        raise OSError(number, 'refused')

    monkeypatch.setattr(os, 'fsync', refuse)
    with pytest.raises(SavingError, match=f'refused.*{remedy}'):
        AtomicLocalBackend().put(b'x', tmp_path / 'a')
    assert not list(tmp_path.iterdir())


def test_a_loader_without_data():
    with pytest.raises(ConfigError, match=r'the config: val_dataloader has no dataset=dict\(...\)'):
        check_kinds(Config(dict(val_dataloader=dict(batch_size=1))))
