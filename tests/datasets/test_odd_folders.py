"""Folders and archives as people have them: what cannot be read is told, nothing is lost or doubled silently."""

import os
import tarfile
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

from mmvd.apis.preparation import paper_datasets
from mmvd.datasets import archives, walk
from mmvd.datasets.cameras import read_camera
from mmvd.datasets.index import IndexedEntries
from mmvd.errors import ConfigError, MissingInputsError, SampleError
from mmvd.registry import DATASETS
from tests.conftest import logged
from tests.datasets.test_index import build, pairs, same
from tests.fabricate import fabricate_bop, fabricate_classes, fabricate_sunrgbd
from tools.dataset_converters.prepare import prepare


@pytest.mark.parametrize('gone', [0, 1])
def test_one_frame_without_a_camera_leaves_the_others_theirs(tmp_path, gone):
    fabricate_sunrgbd(tmp_path, train=3)
    frames = [f'SUNRGBD/kv{1 + i % 2}/NYUdata/NYU{i:04d}' for i in range(3)]
    lines = [f'{frame}/image/{i}.jpg {frame}/depth/{i}.png bedroom' for i, frame in enumerate(frames)]
    (tmp_path / 'scenes_train.txt').write_text('\n'.join(lines))
    (tmp_path / frames[gone] / 'intrinsics.txt').unlink()
    settings = dict(type='mmvd.SUNRGBDSceneDataset', data_root=str(tmp_path), ann_file='scenes_train.txt')
    listed, indexed = build(settings), prepare(settings)
    assert isinstance(indexed.data_list, IndexedEntries) and len(indexed) == 3
    assert ['intrinsics' in indexed.get_data_info(i) for i in range(3)] == [i != gone for i in range(3)]
    assert all(same(indexed.get_data_info(i), listed.get_data_info(i)) for i in range(3))


def test_the_folder_in_which_one_is(tmp_path, monkeypatch):
    settings = pairs(tmp_path / 'set')
    monkeypatch.chdir(tmp_path / 'set')
    prepare(dict(settings, data_root='.'))
    monkeypatch.chdir(tmp_path)
    found = build(settings)
    assert isinstance(found.data_list, IndexedEntries)
    assert found.get_data_info(0)['img_path'] == str(tmp_path / 'set/a b/rgb/0.png')


def test_a_class_folder_that_is_renamed_is_a_change(tmp_path):
    fabricate_classes(tmp_path, 'imagenet')
    settings = dict(type='mmvd.ImageNetRGBDDataset', data_root=str(tmp_path), images='val/*/*.JPEG')
    prepare(settings)
    assert isinstance(build(settings).data_list, IndexedEntries)
    time.sleep(0.02)
    (tmp_path / 'train/first').rename(tmp_path / 'train/third')
    with pytest.raises(ConfigError, match='class first is not among the 2 classes of the training split'):
        build(settings)


def test_what_systems_leave_is_no_class_and_no_archive(tmp_path, monkeypatch):
    fabricate_classes(tmp_path, 'mvip')
    for folder in ('__MACOSX', '.Trashes', 'lost+found'):  # locked, as they are on disks
        (tmp_path / folder).mkdir()
    is_dir = Path.is_dir
    monkeypatch.setattr(Path, 'is_dir', lambda path: is_dir(path) if 'lost+found/' not in str(path) else 1 / 0)
    (tmp_path / '._mvip.zip').write_bytes(b'Mac OS X')
    found = build(paper_datasets()['mvip'] | dict(data_root=str(tmp_path)))
    assert found.metainfo['classes'] == ('first', 'second')


def test_a_link_that_leads_in_a_circle_is_left_out_alone(tmp_path, capsys):
    fabricate_bop(tmp_path / 'test/000001', 2)
    (tmp_path / 'test/000002').symlink_to('000002')
    found = prepare(dict(type='mmvd.BOPDataset', data_root=str(tmp_path), split='test'))
    assert len(found) == 2 and found.data_list.left_out['count'] == 1
    assert f'{tmp_path}/test/000002: this link cannot be followed (Too many levels' in found.data_list.told_left_out()


@pytest.mark.parametrize(
    'rows',
    [
        '60 0 31.5 0 62 23.5 7 8 9',
        '60 0 0 0 62 0 31.5 23.5 1',  # columns first
        '6000 0 31.5 0 0.62 23.5 0 0 1',
        '60 40 31.5 0 62 23.5 0 0 1',
        '60 0 31.5 5 62 23.5 0 0 1',
    ],
)
def test_numbers_that_are_no_camera(tmp_path, rows):
    (tmp_path / 'K.txt').write_text(rows)
    with pytest.raises(ConfigError, match='K.txt: a camera matrix is fx 0 cx, 0 fy cy, 0 0 1'):
        read_camera(tmp_path / 'K.txt', 'x.png')
    (tmp_path / 'K.txt').write_text('60 0 31.5 1e-13 62 23.5 0 1e-9 0.9999999')  # of an inversion
    assert read_camera(tmp_path / 'K.txt', 'x.png')[0, 0] == 60


@pytest.mark.parametrize('listed', [False, True])  # mode 0; 444, as chmod -R 644 leaves it
def test_a_scene_that_is_locked_is_told(tmp_path, monkeypatch, listed):
    for scene in ('000001', '000002'):
        fabricate_bop(tmp_path / f'test/{scene}', 2)
    locked = f'{tmp_path}/test/000002'

    def refuse(ask):
        def asked(path, *args, **kwargs):
            if str(path).startswith(f'{locked}/') or (ask.__name__ == 'scandir' and str(path) == locked and not listed):
                raise PermissionError(13, 'Permission denied')
            return ask(path, *args, **kwargs)

        return asked

    monkeypatch.setattr(os, 'stat', refuse(os.stat))
    monkeypatch.setattr(Path, 'stat', refuse(Path.stat))  # Python 3.10 has taken os.stat already
    monkeypatch.setattr(os, 'scandir', refuse(os.scandir))
    settings = dict(type='mmvd.BOPDataset', data_root=str(tmp_path), split='test')
    with pytest.raises(SampleError, match='000002: this folder cannot be read .Permission denied'):
        build(settings)
    found = prepare(settings)
    assert len(found) == 2 and '000002: this folder cannot be read' in found.data_list.left_out['first'][0]
    locked = 'nothing'
    assert len(prepare(settings)) == 4  # no time of a file tells of that
    locked, listed = str(tmp_path), False
    assert 'cannot be read (Permission denied)' in str(DATASETS.get('BOPDataset').missing(settings))


def test_a_name_that_is_too_long_is_missing():
    settings = dict(type='mmvd.BOPDataset', data_root='/' + 'x' * 300, split='test')
    assert 'File name too long' in str(DATASETS.get('BOPDataset').missing(settings))


def test_a_folder_that_is_dated_in_the_future(tmp_path):
    settings = pairs(tmp_path)
    os.utime(tmp_path / 'ü/rgb', (2e9, 2e9))
    assert len(prepare(settings)) == 6
    assert isinstance(build(settings).data_list, IndexedEntries)


def test_colour_of_one_frame_in_two_formats(tmp_path):
    fabricate_bop(tmp_path / 'test/000001', 2)
    image = tmp_path / 'test/000001/rgb/000000.png'
    image.with_suffix('.jpg').write_bytes(image.read_bytes())
    settings = dict(type='mmvd.BOPDataset', data_root=str(tmp_path), split='test')
    with pytest.raises(ConfigError, match=r'test/000001/rgb/000000.jpg is the same frame: keep one of them'):
        build(settings)
    found = prepare(settings).data_list
    assert len(found) == 2 and '000000.png: left out: ' in found.left_out['first'][0]


def test_a_frame_without_a_scale_has_an_image(tmp_path, monkeypatch):
    fabricate_bop(tmp_path / 'test/000001', 2)
    camera = tmp_path / 'test/000001/scene_camera.json'
    camera.write_text(camera.read_text().replace('"depth_scale": 0.1', '"depth_scale": "x"', 1))
    told = logged(monkeypatch)
    assert len(prepare(dict(type='mmvd.BOPDataset', data_root=str(tmp_path), split='test'))) == 1
    assert not any('have no image' in line for line in told)


def test_a_list_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    settings = {key: value for key, value in pairs(tmp_path).items() if key not in ('images', 'depth_from')}
    (tmp_path / 'a.txt').touch()
    monkeypatch.setattr(
        Path, 'read_bytes', lambda path: (_ for _ in ()).throw(PermissionError(13, 'Permission denied'))
    )
    with pytest.raises(MissingInputsError, match='a.txt: this list cannot be read .Permission denied'):
        build(dict(settings, ann_file='a.txt'))


@pytest.mark.parametrize('ending', ['.zip', '.tar'])
@pytest.mark.parametrize('prefix', ['test\\000002\\', './test/000002/', 'lm/./test//000002/', 'linemod/test/000002/'])
def test_names_in_archives(tmp_path, ending, prefix):
    """Of Windows, of ``tar .`` and of folders with other names; the last ones are told."""
    root = tmp_path / 'lm'
    fabricate_bop(root / 'test/000002', 2)
    files = {path.relative_to(root / 'test/000002').as_posix(): path for path in root.glob('test/000002/**/*.*')}
    archive = root / f'lm_test{ending}'
    if ending == '.tar':
        with tarfile.open(archive, 'w') as packed:
            for name, path in files.items():
                packed.add(path, prefix.replace('\\', '/') + name)
    else:
        with zipfile.ZipFile(archive, 'w') as packed:
            for name, path in files.items():
                member = zipfile.ZipInfo('x')
                member.filename, member.create_system = prefix + name, 0  # ZipInfo would mend a name of Windows
                packed.writestr(member, path.read_bytes())
    (root / 'test').rename(tmp_path / 'unpacked')
    settings = dict(type='mmvd.BOPDataset', data_root=str(root), split='test')
    if prefix.startswith('linemod'):
        with pytest.raises(MissingInputsError, match=rf'no such files; lm_test{ending} holds linemod/test/000002/'):
            prepare(settings)
    else:
        assert len(build(settings)) == 2


def test_links_in_a_tar_file_are_told(tmp_path, monkeypatch):
    link = tarfile.TarInfo('scans/a/color')
    link.type, link.linkname = tarfile.SYMTYPE, '../b/color'
    with tarfile.open(tmp_path / 'x.tar', 'w') as packed:
        packed.addfile(link)
    told = logged(monkeypatch)
    assert archives.open_archive(tmp_path / 'x.tar').length == 0
    assert '1 symbolic links in it are not followed, first scans/a/color' in told[0]


def test_a_camera_that_is_written_anew(tmp_path):
    path = tmp_path / 'camera.txt'
    for number, focal_px in enumerate((60, 70)):
        path.write_text(f'{focal_px} 0 32 0 60 24 0 0 1')
        os.utime(path, (number, number))
        assert read_camera(path, 'a.png')[0, 0] == focal_px


def test_a_camera_of_absurd_size_is_named(tmp_path):
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (10000000000000,), }"
    header += b' ' * (64 - (len(header) + 11) % 64) + b'\n'
    (tmp_path / 'camK.npy').write_bytes(np.lib.format.magic(1, 0) + len(header).to_bytes(2, 'little') + header)
    for content in (
        None,
        b'\x93NUMPY\x01\0v\0' + b"{'descr': '<f4', 'fortran_order'" + bytes(200),
    ):  # filled with zeros
        (tmp_path / 'camK.npy').write_bytes(content or (tmp_path / 'camK.npy').read_bytes())
        with pytest.raises(ConfigError, match='camK.npy: holds no camera matrix'):
            read_camera(tmp_path / 'camK.npy', 'a.png')


def test_a_folder_is_listed_again_when_it_has_changed(tmp_path, monkeypatch):
    """And for other names; one that cannot be listed is told once, and hides no other."""
    for name in ('a/1.png', 'a/2.jpg', 'b/3.png'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    done, problems, listed, asked = {}, [], walk._listed, []
    monkeypatch.setattr(walk, '_listed', lambda folder: asked.append(folder.name) or listed(folder))

    def found(images='*/*.png'):
        return sorted(walk.walk(tmp_path, images, None, done, problems))

    assert found() == found() == ['a/1.png', 'b/3.png'] and sorted(asked) == ['a', 'b']
    assert found('*/*.jpg') == ['a/2.jpg']
    (tmp_path / 'a/4.png').touch()
    os.utime(tmp_path / 'a', (9, 9))
    assert found() == ['a/1.png', 'a/4.png', 'b/3.png'] and asked[4:] == ['a']
    for locked, others in (('a', ['b/3.png']), ('b', ['a/1.png', 'a/4.png'])):
        done.clear()
        problems.clear()
        names = {tmp_path / locked: Path('/none')}  # which is not there
        monkeypatch.setattr(walk, '_listed', lambda folder, names=names: listed(names.get(folder, folder)))
        assert found() == found() == others
        assert len(problems) == 1 and f'{locked}: this folder cannot be read' in problems[0]


def test_what_two_archives_hold_counts_once(tmp_path, monkeypatch):
    told = logged(monkeypatch)
    for name in ('x.zip', 'y.zip'):
        with zipfile.ZipFile(tmp_path / name, 'w') as archive:
            archive.writestr('1.png', b'')
            archive.writestr('deep/2.png', b'')
    assert list(walk.walk(tmp_path, '*.png', None)) == ['1.png']  # nothing was looked for below a folder
    assert len(told) == 1 and 'y.zip: 1 of its images are unpacked beside it, or in another archive' in told[0]
