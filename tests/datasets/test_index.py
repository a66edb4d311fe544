"""The index of a dataset's samples: the same samples as the listing, without the listing."""

import os
import pickle
import shutil
import tarfile
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmvd.apis.preparation import paper_datasets
from mmvd.datasets.cameras import _cameras_of
from mmvd.datasets.index import IndexedEntries, index_path, open_index, write_index
from mmvd.errors import ConfigError, SampleError, SavingError
from mmvd.registry import DATASETS
from tests.conftest import logged
from tests.fabricate import fabricate_classes, fabricate_nine, fabricate_sunrgbd
from tools.dataset_converters.prepare import prepare


def pairs(root, count: int = 3):
    for scene in ('a b', 'ü'):  # spaces and Unicode
        for kind in ('rgb', 'depth'):
            (root / scene / kind).mkdir(parents=True)
        for index in range(count):
            cv2.imwrite(str(root / scene / f'rgb/{index}.png'), np.full((8, 10, 3), 9 * index, np.uint8))
            cv2.imwrite(str(root / scene / f'depth/{index}.png'), np.full((8, 10), 1000 + index, np.uint16))
    return dict(
        type='mmvd.RGBDDataset',
        data_root=str(root),
        decoder='mm16',
        images='*/rgb/*.png',
        depth_from=('/rgb/', '/depth/'),
    )


def build(settings, **changes):
    return DATASETS.build(dict(settings, pipeline=[], **changes))


def prepared(settings):
    """The dataset, read through an index that is written here."""
    listed = build(settings)
    path = index_path(root_of(listed), listed.settings)
    path.parent.mkdir(exist_ok=True)  # as prepare.py does before it notes times
    write_index([listed.get_data_info(i) for i in range(len(listed))], root_of(listed), path)
    return listed, build(settings), path


def root_of(dataset) -> Path:
    return Path(dataset.data_root)


def same(a: dict, b: dict) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[key], b[key]) for key in a)


@pytest.mark.parametrize('kind', ['pairs', 'bop'])
def test_entries_are_those_of_the_listing(tmp_path, kind):
    if kind == 'bop':
        fabricate_nine(tmp_path)
        (tmp_path / 'lm').rename(tmp_path / 'set')
        settings = dict(type='mmvd.BOPDataset', data_root=str(tmp_path / 'set'), split='test')
    else:
        settings = pairs(tmp_path / 'set')
    listed, found, path = prepared(settings)
    assert isinstance(found.data_list, IndexedEntries) and len(found) == len(listed) > 0
    for index in range(len(listed)):
        assert same(found.get_data_info(index), listed.get_data_info(index))
    half = build(settings, indices=1)
    assert len(half) == 1 and same(half.get_data_info(0), listed.get_data_info(0))
    moved = tmp_path / 'moved'
    shutil.copytree(tmp_path / 'set', moved)  # folder and index move together
    os.utime(moved / '.mmvd' / path.name)
    again = build(dict(settings, data_root=str(moved)))
    assert isinstance(again.data_list, IndexedEntries)
    assert again.get_data_info(0)['depth_path'].startswith(str(moved))


def test_another_listing_has_another_index(tmp_path):
    settings = pairs(tmp_path)
    prepared(settings)
    assert not isinstance(build(settings, exclude='0.png').data_list, IndexedEntries)
    assert isinstance(build(settings, test_mode=True).data_list, IndexedEntries)  # the same samples


def test_an_index_older_than_its_files_is_told_and_left(tmp_path, monkeypatch):
    settings = pairs(tmp_path)
    prepared(settings)
    time.sleep(0.02)
    for kind in ('rgb', 'depth'):
        shutil.copy(tmp_path / 'ü' / kind / '0.png', tmp_path / 'ü' / kind / '9.png')
    told = logged(monkeypatch)
    dataset = build(settings)
    assert len(dataset) == 7 and any('has changed since' in text and 'prepare.py' in text for text in told)
    shutil.rmtree(tmp_path / 'ü')
    assert len(build(settings)) == 3 and len(told) == 2


@pytest.mark.parametrize('change', ['more', 'fewer'])
def test_a_folder_that_is_older_than_it_was_has_changed(tmp_path, change):
    """What is unpacked late gets the times of its archive."""
    settings = pairs(tmp_path)
    prepared(settings)
    for kind in ('rgb', 'depth'):
        folder = tmp_path / 'ü' / kind
        if change == 'more':
            shutil.copy(folder / '0.png', folder / '9.png')
        else:
            (folder / '2.png').unlink()
        os.utime(folder, (1, 1))
    assert len(build(settings)) == (7 if change == 'more' else 5)


@pytest.mark.parametrize('grain_ns', [1, 100, 10**7, 10**9])
def test_a_copy_may_keep_times_less_exactly(tmp_path, grain_ns):
    settings = pairs(tmp_path)
    prepared(settings)
    for folder in (tmp_path, *tmp_path.glob('*'), *tmp_path.glob('*/*')):
        os.utime(folder, ns=(folder.stat().st_mtime_ns // grain_ns * grain_ns,) * 2)
    assert isinstance(build(settings).data_list, IndexedEntries)


def test_a_copy_by_pythons_tar_keeps_its_index(tmp_path):
    settings = pairs(tmp_path / 'a')
    prepared(settings)
    with tarfile.open(tmp_path / 'a.tar', 'w') as archive:
        archive.add(tmp_path / 'a', 'a')
    (tmp_path / 'b').mkdir()
    with tarfile.open(tmp_path / 'a.tar') as archive:
        archive.extractall(tmp_path / 'b', filter='tar')
    copied = build(dict(settings, data_root=str(tmp_path / 'b/a')))
    assert isinstance(copied.data_list, IndexedEntries)


def test_a_new_scene_and_another_list_are_changes(tmp_path):
    settings = pairs(tmp_path)
    prepared(settings)
    time.sleep(0.02)
    shutil.copytree(tmp_path / 'ü', tmp_path / 'new')
    assert len(build(settings)) == 9
    (tmp_path / 'list.txt').write_text('new/rgb/0.png new/depth/0.png\n')
    listed = dict(type='mmvd.RGBDDataset', data_root=str(tmp_path), decoder='mm16', ann_file='list.txt')
    dataset = build(listed, lazy_init=True)
    write_index(dataset.load_data_list(), tmp_path, index_path(tmp_path, dataset.settings), [tmp_path / 'list.txt'])
    assert isinstance(build(listed).data_list, IndexedEntries)
    time.sleep(0.02)
    (tmp_path / 'list.txt').write_text('new/rgb/0.png new/depth/0.png\nnew/rgb/1.png new/depth/1.png\n')
    assert len(build(listed)) == 2


def test_a_damaged_index_is_named(tmp_path):
    _, _, path = prepared(pairs(tmp_path))
    for content in (path.read_bytes()[:100], b'', b'ARROW1' + bytes(64)):
        path.write_bytes(content)
        with pytest.raises(SampleError, match='no readable index'):
            open_index(tmp_path, build_settings(tmp_path))
    assert path.name.startswith('RGBDDataset_')


def test_a_damaged_byte_is_noticed_wherever_it_is(tmp_path):
    _, _, path = prepared(pairs(tmp_path))
    whole, draw = path.read_bytes(), np.random.default_rng(0)
    for place in draw.choice(len(whole), 60, replace=False):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 64]) + whole[place + 1 :])
        with pytest.raises(SampleError, match='no readable index .*: delete it and prepare again'):
            IndexedEntries(path, tmp_path)


def build_settings(root):
    settings = dict(data_root=str(root), decoder='mm16', images='*/rgb/*.png', depth_from=('/rgb/', '/depth/'))
    return DATASETS.build(dict(settings, type='mmvd.RGBDDataset', lazy_init=True, pipeline=[])).settings


def test_read_only_data_have_their_index_elsewhere(tmp_path, monkeypatch):
    settings = pairs(tmp_path / 'set')
    monkeypatch.setenv('MMVD_INDEX', str(tmp_path / 'indices'))
    _, found, path = prepared(settings)
    assert path.parent == tmp_path / 'indices' and isinstance(found.data_list, IndexedEntries)
    assert not (tmp_path / 'set/.mmvd').exists()
    monkeypatch.setenv('MMVD_INDEX', '/proc/none')  # that cannot be written either
    with pytest.raises(SavingError, match='could not be written .* set MMVD_INDEX to a folder that can be'):
        prepare(settings)


def test_a_worker_maps_the_file_and_gets_no_copy(tmp_path):
    _, found, _ = prepared(pairs(tmp_path))
    sent = pickle.dumps(found.data_list)
    assert len(sent) < 1000 and same(pickle.loads(sent)[4], found.data_list[4])
    assert [same(a, b) for a, b in zip(found.data_list[-2:], list(found.data_list)[-2:], strict=True)] == [True, True]
    with pytest.raises(IndexError):
        found.data_list[6]


def test_values_without_a_column_are_refused(tmp_path):
    with pytest.raises(ConfigError, match='boxes of the samples, a set'):
        write_index([dict(boxes={1}), dict(boxes={2})], tmp_path, tmp_path / 'a.arrow')


def test_lists_of_any_length(tmp_path):
    entries = [dict(instances=[dict(obj_id=1, box=[0.5, 2]), dict(obj_id=2, box=None)]), dict(instances=[])]
    write_index(entries, tmp_path, tmp_path / 'a.arrow')
    assert list(IndexedEntries(tmp_path / 'a.arrow', tmp_path)) == entries


def test_what_comes_later_is_noticed(tmp_path, monkeypatch):
    monkeypatch.setenv('MMVD_DATA', str(tmp_path))
    fabricate_nine(tmp_path)
    scans = tmp_path / 'scannet/scans'
    (scans / 'scene0001_00').mkdir()  # its stream is not unpacked yet
    settings = paper_datasets()['scannet']
    assert len(prepare(settings)) == 2
    time.sleep(0.02)
    for part in ('color', 'depth', 'intrinsic'):
        shutil.copytree(scans / 'scene0000_00' / part, scans / 'scene0001_00' / part)
    assert len(build(settings)) == len(prepare(settings)) == 4
    camera = scans / 'scene0000_00/intrinsic/intrinsic_color.txt'
    camera.write_text(camera.read_text().replace('121.', '131.'))
    os.utime(camera, ns=(1, 1))  # an archive keeps the times of its files
    _cameras_of.cache_clear()
    assert build(settings).get_data_info(0)['intrinsics'][0, 0] > 130


@pytest.mark.parametrize('name', ['blendedmvs', 'matterport3d', 'sunrgbd'])
def test_cameras_that_are_written_anew_are_noticed(tmp_path, monkeypatch, name):
    """Also where every image has a file of its own, and no name in its folder changes."""
    monkeypatch.setenv('MMVD_DATA', str(tmp_path))
    fabricate_nine(tmp_path)
    fabricate_sunrgbd(tmp_path / 'sunrgbd')
    (tmp_path / 'sunrgbd/test.txt').write_text(''.join(
        f'SUNRGBD/{folder}/image/{i}.jpg SUNRGBD/{folder}/depth/{i}.png labels/{i}.png\n'
        for i, folder in enumerate(('kv1/NYUdata/NYU0000', 'kv2/NYUdata/NYU0001'))
    ))  # fmt: skip
    settings = paper_datasets()[name]
    prepare(settings)
    assert isinstance(build(settings).data_list, IndexedEntries)
    camera = dict(
        blendedmvs='scene/cams/00000000_cam.txt',
        matterport3d='scan/undistorted_camera_parameters/scan.conf',
        sunrgbd='SUNRGBD/kv1/NYUdata/NYU0000/intrinsics.txt',
    )[name]
    os.utime(tmp_path / name / camera, ns=(1, 1))
    assert open_index(Path(settings['data_root']), build(settings, lazy_init=True).settings) is None


def test_names_that_are_no_text_are_left_out(tmp_path):
    settings = pairs(tmp_path)
    for number, odd in enumerate((b'caf\xe9.png', b'a\nb.png')):
        time.sleep(0.02)  # the clock of a file system is coarse
        shutil.copy(tmp_path / 'ü/rgb/0.png', os.path.join(os.fsencode(tmp_path / 'ü/rgb'), odd))
        with pytest.raises(SampleError, match='a name that is no text of one line in UTF-8: rename it'):
            build(settings)
        assert prepare(settings).data_list.left_out['count'] == number + 1


def test_files_that_come_while_listing_are_told(tmp_path, monkeypatch):
    settings = pairs(tmp_path)
    dataset = build(settings, lazy_init=True)
    found, path = dataset.load_data_list(), index_path(tmp_path, dataset.settings)
    began_ns = (tmp_path / 'ü/rgb').stat().st_mtime_ns - 1
    with pytest.raises(SampleError, match='changed while it was listed'):
        write_index(found, tmp_path, path, dataset.sources(found), began_ns)
    with monkeypatch.context() as patch, pytest.raises(SampleError, match='changed while it was listed'):
        patch.setattr('time.time_ns', lambda: 0)  # this machine's clock is behind that of the disk
        write_index(found, tmp_path, path, dataset.sources(found), began_ns, lambda: began_ns + 1)
    for each in (*tmp_path.glob('*'), *tmp_path.glob('*/*'), tmp_path):
        os.utime(each, (4e9, 4e9))  # a clock that was wrong: dated later than now, it was so before
    write_index(found, tmp_path, path, dataset.sources(found), began_ns)
    assert len(IndexedEntries(path, tmp_path)) == len(found)


def test_an_index_is_no_class(tmp_path, monkeypatch):
    monkeypatch.setenv('MMVD_DATA', str(tmp_path))
    fabricate_classes(tmp_path / 'mvip', 'mvip')
    settings = paper_datasets()['mvip']
    for _ in range(2):
        assert prepare(settings).metainfo['classes'] == ('first', 'second')


def test_a_path_that_is_no_text_is_named(tmp_path):
    with pytest.raises(SampleError, match='a path that is no text in UTF-8: rename its folders'):
        write_index([dict(a=1)], tmp_path, tmp_path / os.fsdecode(b'r\xff/a.arrow'))
