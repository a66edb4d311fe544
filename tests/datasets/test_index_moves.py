"""What an index still knows of a folder that grows or moves, and how it is found."""

import shutil
import time
from pathlib import Path

import numpy as np

from mmvd.datasets.index import IndexedEntries, index_path, write_index
from mmvd.registry import DATASETS
from tests.datasets.test_index import build, pairs, prepared
from tools.dataset_converters.prepare import prepare


def test_a_scene_that_was_empty_is_noticed(tmp_path):
    settings = pairs(tmp_path)
    (tmp_path / 'late').mkdir()
    listed = build(settings, lazy_init=True)
    path = index_path(tmp_path, listed.settings)
    path.parent.mkdir(exist_ok=True)
    entries = listed.load_data_list()
    write_index(entries, tmp_path, path, listed.sources(entries))
    assert isinstance(build(settings).data_list, IndexedEntries)
    time.sleep(0.02)
    for kind in ('rgb', 'depth'):
        shutil.copytree(tmp_path / 'ü' / kind, tmp_path / 'late' / kind)
    assert len(build(settings)) == 9


def test_one_sample_moves_with_its_folder(tmp_path):
    settings = pairs(tmp_path / 'set', count=1)
    shutil.rmtree(tmp_path / 'set/ü')
    prepared(settings)
    (tmp_path / 'set').rename(tmp_path / 'moved')
    found = build(dict(settings, data_root=str(tmp_path / 'moved')))
    assert isinstance(found.data_list, IndexedEntries)
    assert found.get_data_info(0)['img_path'] == str(tmp_path / 'moved/a b/rgb/0.png')


def test_arguments_by_place_find_the_index(tmp_path):
    settings = pairs(tmp_path)
    prepared(settings)
    named = {key: value for key, value in settings.items() if key not in ('type', 'data_root')}
    found = DATASETS.get('RGBDDataset')(str(tmp_path), **named, pipeline=[])
    assert isinstance(found.data_list, IndexedEntries)


def test_what_a_sample_lacks_it_lacks_in_an_index_too(tmp_path):
    write_index([dict(a=np.ones((3, 3)), b=1), dict(c='x')], tmp_path, tmp_path / 'i.arrow')
    first, second = IndexedEntries(tmp_path / 'i.arrow', tmp_path)
    assert first.keys() == {'a', 'b'} and second == {'c': 'x'}


def test_an_index_with_the_data_is_found_beside_others_elsewhere(tmp_path, monkeypatch):
    settings = pairs(tmp_path / 'set')
    own = prepare(settings).data_list.path
    monkeypatch.setenv('MMVD_INDEX', str(tmp_path / 'elsewhere'))
    assert prepare(settings).data_list.path == own and not (tmp_path / 'elsewhere').exists()
    time.sleep(0.02)
    (tmp_path / 'set/late').mkdir()
    assert prepare(settings).data_list.path.parent == tmp_path / 'elsewhere'
    own.write_bytes(own.read_bytes()[:-5])  # where nobody can delete it
    assert prepare(settings).data_list.path.parent == tmp_path / 'elsewhere'
    time.sleep(0.02)
    (tmp_path / 'set/later').mkdir()
    monkeypatch.delenv('MMVD_INDEX')
    own.unlink()
    prepare(settings)
    monkeypatch.setenv('MMVD_INDEX', str(tmp_path / 'elsewhere'))
    assert build(settings).data_list.path == own  # the other one is older than the data


def test_indices_in_the_home_folder_and_in_the_dataset_itself(tmp_path, monkeypatch):
    settings = pairs(tmp_path / 'set')
    monkeypatch.setenv('HOME', str(tmp_path))
    for folder, place in (('~/indices', tmp_path / 'indices'), (str(tmp_path / 'set'), tmp_path / 'set/.mmvd')):
        monkeypatch.setenv('MMVD_INDEX', folder)
        assert prepare(settings).data_list.path.parent == place
    assert not Path('~').exists()
