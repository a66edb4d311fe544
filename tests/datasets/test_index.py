"""The index of a dataset's samples: the same samples as the listing, without the listing."""

import os
import pickle
import shutil
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.config import Config

from mmvd.apis.preparation import listed_datasets, paper_datasets
from mmvd.datasets import walk
from mmvd.datasets.cameras import _cameras_of
from mmvd.datasets.index import IndexedEntries, index_path, open_index, write_index
from mmvd.datasets.journal import Journal
from mmvd.datasets.verification import DatasetFacts, examine, judge
from mmvd.errors import ConfigError, MissingInputsError, SampleError, SavingError
from mmvd.registry import DATASETS
from tests.conftest import ROOT, logged
from tests.fabricate import fabricate_bop, fabricate_classes, fabricate_kitti_raw, fabricate_nine, fabricate_sunrgbd
from tools.dataset_converters.prepare import main as prepare_main
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
    assert len(dataset) == 7 and any('older than' in text and 'prepare.py' in text for text in told)
    shutil.rmtree(tmp_path / 'ü')
    assert len(build(settings)) == 3 and len(told) == 2


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


def test_an_interrupted_listing_goes_on(tmp_path, monkeypatch):
    settings, seen = pairs(tmp_path / 'set'), []

    def listed(folder):
        seen.append(folder.parts[-2])
        if len(seen) == 3:  # the first look is whether there is anything at all
            raise KeyboardInterrupt
        return sorted(os.listdir(folder))

    monkeypatch.setattr(walk, '_listed', listed)
    with pytest.raises(KeyboardInterrupt):
        prepare(settings)
    (journal,) = (tmp_path / 'set/.mmvd').glob('*.listing')
    assert len(prepare(settings)) == 6 and not journal.exists()
    first, _, second, *_ = seen
    assert seen == [first, first, second, first, second]  # the first folder is not listed again


def test_an_interrupted_verification_goes_on(tmp_path):
    dataset, told = build(pairs(tmp_path)), []

    def stop(done, total):
        told.append(done)
        if len(told) == 4:
            raise KeyboardInterrupt

    whole = examine(dataset)
    with pytest.raises(KeyboardInterrupt), Journal(tmp_path / 'a.verify', 'x') as done:
        examine(dataset, progress=stop, done=done)
    image = Path(dataset.get_data_info(0)['img_path'])
    image.write_bytes(b'')  # not read again
    with Journal(tmp_path / 'a.verify', 'x') as done:
        assert len(done) == 5  # what it is about, and four samples
        again = examine(dataset, done=done)
    assert vars(again) == vars(whole) and not (tmp_path / 'a.verify').exists()
    with Journal(tmp_path / 'a.verify', 'x') as done:
        assert examine(dataset, done=done).failures


def test_a_journal_that_was_cut_off(tmp_path):
    path = tmp_path / 'a'
    with pytest.raises(ZeroDivisionError), Journal(path, 'x') as done:
        done['1'], done['2'] = [1], dict(a=2)
        raise ZeroDivisionError
    path.write_bytes(path.read_bytes()[:-3])
    assert Journal(path, 'x') == {'about': 'x', '1': [1]} and path.read_bytes().count(b'\n') == 2
    assert Journal(path, 'y') == {'about': 'y'}
    path.write_bytes(b'\0\0\nxx\n')
    assert Journal(path, 'y') == {'about': 'y'}
    with pytest.raises(SavingError, match='set MMVD_INDEX'):
        Journal(path / 'below')


def test_prepare_and_verify(tmp_path, capsys, monkeypatch):
    root = tmp_path / 'lm'

    def prepare(*arguments):
        monkeypatch.setattr(sys, 'argv', ['prepare.py', 'lm', *map(str, arguments)])
        code = prepare_main()
        return code, capsys.readouterr()

    code, told = prepare('--root', root)
    assert code == 2 and f'{root} (no such folder)' in told.err
    fabricate_nine(tmp_path)
    code, told = prepare('--root', root)
    assert code == 0 and 'samples' in told.out and 'up to date' not in told.out
    monkeypatch.setenv('MMVD_DATA', str(tmp_path))
    code, told = prepare()
    assert code == 0 and 'up to date' in told.out
    code, told = prepare('--verify')
    lines = [line for line in told.out.splitlines() if line.startswith(('PASS', 'FAIL'))]
    assert code == 1 and len(lines) == 7 and any('FAIL' in line for line in lines)
    (image,) = list(root.glob('test/*/rgb/*'))[:1]
    image.write_bytes(b'')
    assert f'FAIL readable: 1 samples are not, first {image}' in prepare('--verify')[1].out


@pytest.mark.parametrize(
    ('change', 'failing'),
    [
        ({}, []),
        (dict(mean_m=23.0), ['depth scale', 'mean']),
        (dict(mean_m=3.2), ['mean']),
        (dict(std_m=0.1), ['deviation']),
        (dict(density=0.5), ['density']),
        (dict(failures=['a.png: cut off']), ['readable']),
        (dict(duplicates=['a.png is b.png']), ['distinct']),
        (dict(images=0), ['images']),
        (dict(images=7), ['images']),
    ],
)
def test_rules_of_table_6(change, failing):
    facts = DatasetFacts(**dict(dict(images=99, mean_m=2.4, std_m=0.6, density=0.85), **change))
    rules = judge(facts, dict(mean_m=2.3, std_m=0.7, density=0.87, thousands=5, images=100))
    assert [text.split(':')[0] for holds, text in rules if not holds] == failing


def test_half_extracted_and_renamed(tmp_path, capsys, monkeypatch):
    fabricate_nine(tmp_path, 4)
    monkeypatch.setenv('MMVD_DATA', str(tmp_path))
    monkeypatch.setattr(sys, 'argv', ['prepare.py', 'scannet', '--verify'])
    scan = tmp_path / 'scannet/scans/scene0000_00'
    (scan / 'depth/3.png').unlink()  # the archive was not unpacked to its end
    (scan / 'color/2.jpg').write_bytes((scan / 'color/2.jpg').read_bytes()[:200])
    shutil.copy(scan / 'color/0.jpg', scan / 'color/1.jpg')
    assert prepare_main() == 1
    told = capsys.readouterr().out
    assert 'FAIL readable: 2 samples are not, first ' in told and 'FAIL distinct: 1 images are there twice' in told
    assert 'FAIL images: 4 (of the release at least 2492518; ' in told  # the rest was read
    (scan / 'depth').rename(scan / 'depths')
    assert prepare_main() == 2
    assert f'{scan}/depth/' in capsys.readouterr().err


def test_a_wrong_depth_scale_is_caught(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv('MMVD_DATA', str(tmp_path))
    for scale, told in ((0.1, 'PASS depth scale'), (1.0, 'times that of the table, a wrong unit or depth scale?')):
        fabricate_bop(tmp_path / 'lm/test/000001', 3)
        camera = tmp_path / 'lm/test/000001/scene_camera.json'
        camera.write_text(camera.read_text().replace('"depth_scale": 0.1', f'"depth_scale": {scale}'))
        monkeypatch.setattr(sys, 'argv', ['prepare.py', 'lm', '--verify'])
        prepare_main()
        assert told in capsys.readouterr().out


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


@pytest.mark.parametrize('limit', ['0', '-3'])
def test_limits_are_numbers_of_samples(capsys, monkeypatch, limit):
    monkeypatch.setattr(sys, 'argv', ['prepare.py', 'lm', '--verify', '--limit', limit])
    assert prepare_main() == 2
    assert '--limit must be a whole number of at least 1' in capsys.readouterr().err


def test_files_that_come_while_listing_are_told(tmp_path):
    settings = pairs(tmp_path)
    dataset = build(settings, lazy_init=True)
    found, path = dataset.load_data_list(), index_path(tmp_path, dataset.settings)
    began_ns = (tmp_path / 'ü/rgb').stat().st_mtime_ns - 1
    with pytest.raises(SampleError, match='changed while it was listed'):
        write_index(found, tmp_path, path, dataset.sources(found), began_ns)


def test_a_scene_that_cannot_be_read_is_left_out(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv('MMVD_DATA', str(tmp_path))
    for scene in ('000001', '000003'):
        fabricate_bop(tmp_path / f'lm/test/{scene}', 2)
    (tmp_path / 'lm/test/000003/scene_camera.json').unlink()
    (tmp_path / 'lm/test/000001/rgb/Thumbs.db').write_bytes(b'')
    monkeypatch.setattr(sys, 'argv', ['prepare.py', 'lm'])
    assert prepare_main() == 1
    told = capsys.readouterr()
    assert (
        ': 2 samples' in told.out
        and '2 samples or archives were left out' in told.err
        and '000003/scene_camera.json' in told.err
    )
    with pytest.raises(MissingInputsError, match='scene_camera.json'):
        build(dict(paper_datasets()['lm'], exclude='none'))  # without an index nothing is left out


def test_an_index_is_no_class(tmp_path, monkeypatch):
    monkeypatch.setenv('MMVD_DATA', str(tmp_path))
    fabricate_classes(tmp_path / 'mvip', 'mvip')
    settings = paper_datasets()['mvip']
    for _ in range(2):
        assert prepare(settings).metainfo['classes'] == ('first', 'second')


def test_all_that_a_config_reads(tmp_path, capsys, monkeypatch, bop_rooms):
    shutil.copytree(bop_rooms, tmp_path / 'bop_rooms')
    monkeypatch.setenv('MMVD_DATA', str(tmp_path))
    path = ROOT / 'configs/pose/poet_vd_rooms.py'
    config = Config.fromfile(path)
    settings = [config[f'{loader}_dataloader'].dataset for loader in ('train', 'val', 'test')]
    listed = [build(each) for each in settings]
    monkeypatch.setattr(sys, 'argv', ['prepare.py', str(path)])
    twice = dict(
        val_dataloader=dict(dataset=settings[0]), test_dataloader=dict(dataset=dict(settings[0], test_mode=True))
    )
    found = listed_datasets(Config(dict(train_dataloader=dict(dataset=settings[0]), **twice)))
    assert [each.get('test_mode', False) for each in found] == [False, True]  # at test other frames are listed
    assert prepare_main() == 0
    for each, before in zip(settings, listed, strict=True):
        found = build(each)
        assert isinstance(found.data_list, IndexedEntries) and len(found) == len(before)
        assert same(found.get_data_info(1), before.get_data_info(1))
    (tmp_path / 'bop_rooms/val').rename(tmp_path / 'bop_rooms/other')
    assert prepare_main() == 2  # of the others the lists are made anew
    told = capsys.readouterr()
    assert 'no such files' in told.err and told.out.count('.arrow: ') == 5
    for arguments in (['--limit', '3'], ['--verify'], ['--root', '/x']):
        monkeypatch.setattr(sys, 'argv', ['prepare.py', str(path), *arguments])
        assert prepare_main() == 2 and 'go with the name of a dataset' in capsys.readouterr().err


def test_a_relative_root(tmp_path, monkeypatch):
    fabricate_bop(tmp_path / 'test/000001', 2)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, 'argv', ['prepare.py', 'lm', '--root', '.'])
    assert prepare_main() == 0
    monkeypatch.chdir('/')
    dataset = build(dict(paper_datasets()['lm'], data_root=str(tmp_path)))
    assert isinstance(dataset.data_list, IndexedEntries)
    assert dataset.get_data_info(0)['img_path'] == f'{tmp_path}/test/000001/rgb/000000.png'


def test_two_at_the_same_work(tmp_path):
    with Journal(tmp_path / 'a'), pytest.raises(SavingError, match='another process is at the same work'):
        Journal(tmp_path / 'a')


def test_kitti_without_depth(tmp_path):
    fabricate_kitti_raw(tmp_path)
    settings = dict(type='mmvd.KITTIRawDataset', data_root=str(tmp_path))
    kind = DATASETS.get('KITTIRawDataset')
    assert kind.missing(settings) is None and len(build(settings)) == 3
    pair = build(settings, depth='velodyne_raw').get_data_info(0)
    assert pair['gt_depth_path'].endswith(
        'val/2011_09_26_drive_0002_sync/proj_depth/groundtruth/image_02/0000000001.png'
    )
    assert pair['intrinsics'][0, 0] == 60 and build(settings).get_data_info(2)['intrinsics'][0, 0] == 9
    shutil.rmtree(tmp_path / 'val')
    assert 'val/*_sync/proj_depth/groundtruth' in kind.missing(settings)
