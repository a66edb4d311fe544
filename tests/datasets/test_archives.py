"""Archives read in place: the samples of an unpacked dataset, and damage that is named."""

import os
import pickle
import shutil
import tarfile
import zipfile

import numpy as np
import pytest

from mmvd.apis.preparation import paper_datasets
from mmvd.datasets import archives
from mmvd.datasets.bop_files import read_targets
from mmvd.datasets.decoders import read_depth
from mmvd.errors import ConfigError, DepthFileError, MissingInputsError, SampleError, SavingError
from mmvd.evaluation.pose import PoseScores
from mmvd.models.pose import PoseLoss
from mmvd.registry import DATASETS, METRICS
from tests.commands import script
from tests.conftest import logged
from tests.fabricate import fabricate_bop, fabricate_kitti_raw, fabricate_nine
from tools.dataset_converters.prepare import prepare

LOAD = [dict(type='mmvd.LoadImage'), dict(type='mmvd.LoadDepth')]


def pack(folder, archive, method=zipfile.ZIP_DEFLATED):
    """Move a folder into an archive beside it, its name included."""
    files = sorted(path for path in folder.rglob('*') if path.is_file())
    if archive.suffix == '.tar':
        with tarfile.open(archive, 'w') as packed:
            packed.add(folder, folder.name)
    else:
        with zipfile.ZipFile(archive, 'w', method) as packed:
            for path in files:
                packed.write(path, path.relative_to(folder.parent).as_posix())
    shutil.rmtree(folder)


def samples(settings) -> list[dict]:
    return list(DATASETS.build(dict(settings, pipeline=LOAD)))


def same(a: list[dict], b: list[dict]) -> bool:
    pairs = zip(a, b, strict=True)
    return len(a) > 0 and all(np.array_equal(x[k], y[k]) for x, y in pairs for k in ('img', 'depth', 'intrinsics'))


@pytest.mark.parametrize('kind', ['.zip', '.tar', 'stored'])
def test_bop_in_place(tmp_path, kind):
    fabricate_bop(tmp_path / 'ycbv/train_real/000001', 3)
    settings = dict(type='mmvd.BOPPoseDataset', data_root=str(tmp_path / 'ycbv'), split='train_real')
    unpacked = samples(settings)
    ending = '.zip' if kind == 'stored' else kind
    for part in ('train_real', 'models'):
        method = zipfile.ZIP_STORED if kind == 'stored' else zipfile.ZIP_DEFLATED
        pack(tmp_path / 'ycbv' / part, tmp_path / 'ycbv' / f'ycbv_{part}{ending}', method)
    assert DATASETS.get('BOPPoseDataset').missing(settings) is None
    packed = samples(settings)
    assert same(packed, unpacked) and f'ycbv_train_real{ending}/train_real/000001' in packed[0]['img_path']
    dataset = prepare(settings)
    assert same([dataset.get_data_info(i) | s for i, s in enumerate(packed)], unpacked)
    assert packed[0]['instances'][0]['mask_visib_path'].endswith('000001/mask_visib/000000_000000.png')


def test_the_folder_of_the_dataset_in_its_archive(tmp_path):
    fabricate_bop(tmp_path / 'ycbv/train_real/000001', 3)
    settings = dict(type='mmvd.BOPPoseDataset', data_root=str(tmp_path / 'ycbv'), split='train_real')
    unpacked = samples(settings)
    with zipfile.ZipFile(tmp_path / 'all.zip', 'w') as archive:
        for path in sorted((tmp_path / 'ycbv').rglob('*.*')):
            archive.write(path, path.relative_to(tmp_path))
    shutil.rmtree(tmp_path / 'ycbv')
    (tmp_path / 'ycbv').mkdir()
    (tmp_path / 'all.zip').rename(tmp_path / 'ycbv/all.zip')
    assert DATASETS.get('BOPPoseDataset').missing(settings) is None and same(samples(settings), unpacked)


def test_several_archives_of_one_dataset(tmp_path, monkeypatch):
    monkeypatch.setenv('MMVD_DATA', str(tmp_path))
    fabricate_nine(tmp_path)
    fabricate_kitti_raw(tmp_path / 'kitti')
    for name, parts in dict(cityscapes=('leftImg8bit', 'disparity'), kitti=('2011_09_26', 'val')).items():
        settings = paper_datasets()[name]
        before = samples(settings)
        for part in parts:
            pack(tmp_path / name / part, tmp_path / name / f'{part}_official.zip')
        assert same(samples(settings), before)


def test_a_worker_gets_no_list_and_a_new_archive_is_listed_anew(tmp_path):
    fabricate_bop(tmp_path / 'lm/test/000001', 2)
    pack(tmp_path / 'lm/test', tmp_path / 'lm/lm_test.zip')
    archive = archives.open_archive(tmp_path / 'lm/lm_test.zip')
    assert archive is archives.open_archive(tmp_path / 'lm/lm_test.zip')
    dataset = prepare(dict(type='mmvd.BOPDataset', data_root=str(tmp_path / 'lm'), split='test'))
    assert len(pickle.dumps(dataset.data_list)) < 1000
    assert list(archive.names()) == sorted(archive.names()) and archive.find('nothing') is None
    assert not archives.is_file(archive.path / 'test/nothing.png') and archives.is_file(archive.path)
    fabricate_bop(tmp_path / 'lm/test/000001', 3)
    pack(tmp_path / 'lm/test', tmp_path / 'lm/lm_test.zip')
    assert len(samples(dict(type='mmvd.BOPDataset', data_root=str(tmp_path / 'lm'), split='test'))) == 3


def test_damage_is_named(tmp_path):
    fabricate_bop(tmp_path / 'lm/test/000001', 2)
    archive = tmp_path / 'lm/lm_test.zip'
    pack(tmp_path / 'lm/test', archive, zipfile.ZIP_STORED)
    settings, whole = dict(type='mmvd.BOPDataset', data_root=str(tmp_path / 'lm'), split='test'), archive.read_bytes()
    start, size, *_ = archives.open_archive(archive).find('test/000001/depth/000000.png')
    changed = bytearray(whole)
    changed[start + 100 : start + 104] = b'\0\1\2\3'
    archive.write_bytes(changed)
    with pytest.raises(DepthFileError, match=r'depth/000000.png: no readable depth file \(damaged in its archive'):
        samples(settings)
    for content, reason in ((whole[: len(whole) // 2], 'cannot be read in place'), (b'', 'cannot be read in place')):
        archive.write_bytes(content)
        with pytest.raises(SampleError, match=f'lm_test.zip: an archive that {reason}.*unpack it'):
            samples(settings)
    with zipfile.ZipFile(archive, 'w', zipfile.ZIP_LZMA) as packed:
        packed.writestr('test/000001/rgb/000000.png', bytes(100))
    with pytest.raises(SampleError, match='packed in another way than deflate'):
        samples(settings)


def test_listings_need_no_archive_where_there_is_none(tmp_path):
    fabricate_bop(tmp_path / 'a.zip/test/000001', 2)  # a folder of that name
    assert len(samples(dict(type='mmvd.BOPDataset', data_root=str(tmp_path / 'a.zip'), split='test'))) == 2
    settings = dict(type='mmvd.RGBDDataset', data_root=str(tmp_path), decoder='mm16', depth_from=('rgb', 'depth'))
    with zipfile.ZipFile(tmp_path / 'b.zip', 'w') as packed:
        packed.writestr('.hidden/rgb/0.png', b'')
    with pytest.raises(ConfigError, match=r'b.zip: in an archive images=.*cannot be looked for'):
        samples(dict(settings, images='**/rgb/*.png'))
    with pytest.raises(MissingInputsError):
        samples(dict(settings, images='*/rgb/*.png'))


def test_loops_and_folders_that_cannot_be_read(tmp_path, monkeypatch):
    fabricate_bop(tmp_path / 'test/000001', 2)
    (tmp_path / 'test/000001/rgb/again').symlink_to(tmp_path / 'test/000001')
    (tmp_path / 'test/000002').symlink_to(tmp_path / 'test')
    settings = dict(type='mmvd.BOPDataset', data_root=str(tmp_path), split='test')
    assert len(samples(settings)) == 2
    found = dict(type='mmvd.RGBDDataset', data_root=str(tmp_path), decoder='mm16', depth_from=('/rgb/', '/depth/'))
    assert len(DATASETS.build(dict(found, images='**/rgb/*.png', pipeline=LOAD))) == 2
    monkeypatch.setattr(os, 'listdir', lambda folder: (_ for _ in ()).throw(PermissionError(13, 'Permission denied')))
    with pytest.raises(SampleError, match='rgb: this folder cannot be read .Permission denied'):
        samples(settings)


def test_an_archive_of_another_kind_is_to_be_unpacked(tmp_path):
    (tmp_path / 'lm').mkdir()
    with tarfile.open(tmp_path / 'lm/lm_test.tar.gz', 'w:gz'):
        pass
    settings = dict(type='mmvd.BOPDataset', data_root=str(tmp_path / 'lm'), split='test')
    with pytest.raises(MissingInputsError, match='no such files; lm_test.tar.gz is not read in place: unpack it'):
        prepare(settings)


def test_an_archive_beside_what_was_unpacked_from_it(tmp_path, monkeypatch):
    fabricate_bop(tmp_path / 'lm/test/000001', 3)
    shutil.copytree(tmp_path / 'lm/test', tmp_path / 'copy/test')
    pack(tmp_path / 'copy/test', tmp_path / 'lm/lm_test.zip')
    told = logged(monkeypatch)
    found = samples(dict(type='mmvd.BOPDataset', data_root=str(tmp_path / 'lm'), split='test'))
    assert len(found) == 3 and all('.zip' not in sample['img_path'] for sample in found)
    assert '3 of its images are unpacked beside it' in told[0]


def test_numpy_files_in_archives(tmp_path):
    depth = np.linspace(1, 2, 12, dtype=np.float32).reshape(3, 4)
    np.save(tmp_path / 'a.npy', depth)
    with zipfile.ZipFile(tmp_path / 'x.zip', 'w') as packed:
        packed.write(tmp_path / 'a.npy', 'depth/a.npy')
        packed.writestr('depth/b.npy', b'no array')
    np.testing.assert_array_equal(read_depth(tmp_path / 'x.zip/depth/a.npy', 'npy'), depth)
    with pytest.raises(DepthFileError, match='x.zip/depth/b.npy: not a numpy array'):
        read_depth(tmp_path / 'x.zip/depth/b.npy', 'npy')


def test_an_archive_with_another_folder_above_all_files(tmp_path, monkeypatch):
    fabricate_bop(tmp_path / 'lm/test/000001', 3)
    fabricate_bop(tmp_path / 'copy/extra/test/000002', 3)
    pack(tmp_path / 'copy/extra', tmp_path / 'lm/more.zip')
    told = logged(monkeypatch)
    assert len(samples(dict(type='mmvd.BOPDataset', data_root=str(tmp_path / 'lm'), split='test'))) == 3
    assert len(told) == 1 and 'more.zip: images below extra/ in it are left out' in told[0]


def test_names_of_archives_that_are_no_text(tmp_path):
    fabricate_bop(tmp_path / 'lm/test/000001', 2)
    settings = dict(type='mmvd.BOPDataset', data_root=str(tmp_path / 'lm'), split='test')
    rgb, depth = (tmp_path / 'lm/test/000001' / kind / '000000.png' for kind in ('rgb', 'depth'))
    with tarfile.open(tmp_path / 'lm.tar', 'w') as packed:
        packed.add(tmp_path / 'lm/test', 'test')
        packed.add(rgb, os.fsdecode(b'r\xe9sum\xe9.txt'))
        for name in (os.fsdecode(b'test/000002/rgb/\xe9.jpg'), 'test/000002/rgb/a\nb.jpg'):
            packed.add(rgb, name)
            packed.add(depth, name.replace('/rgb/', '/depth/'))
    shutil.rmtree(tmp_path / 'lm/test')
    (tmp_path / 'lm.tar').rename(tmp_path / 'lm/lm.tar')
    left_out = prepare(settings).data_list.left_out
    assert left_out['count'] == 2 and any('a name that is no text of one line' in each for each in left_out['first'])


def test_archives_in_parts_and_of_one_name_twice(tmp_path):
    with zipfile.ZipFile(tmp_path / 'a.zip', 'w') as packed:
        packed.writestr('x', b'old')
        packed.writestr('x', b'new')
    assert archives.read_bytes(tmp_path / 'a.zip/x') == b'new'
    (tmp_path / 'b.z01').write_bytes(b'')
    shutil.copy(tmp_path / 'a.zip', tmp_path / 'b.zip')
    with pytest.raises(SampleError, match='it comes in parts'):
        archives.open_archive(tmp_path / 'b.zip')


def test_a_read_only_folder_is_told_of(tmp_path, monkeypatch):
    fabricate_bop(tmp_path / 'lm/test/000001', 2)
    pack(tmp_path / 'lm/test', tmp_path / 'lm/lm_test.zip')

    def refuse(*arguments):
        raise SavingError('read-only')

    monkeypatch.setattr(archives, 'save_table', refuse)
    told = logged(monkeypatch)
    assert len(samples(dict(type='mmvd.BOPDataset', data_root=str(tmp_path / 'lm'), split='test'))) == 2
    assert 'set MMVD_INDEX to a folder that can be written' in told[0]


def test_a_damaged_archive_is_left_out_of_an_index_and_named(tmp_path):
    fabricate_bop(tmp_path / 'lm/test/000001', 2)
    fabricate_bop(tmp_path / 'lm/test/000003', 2)
    archive, broken = tmp_path / 'lm/b.zip', tmp_path / 'lm/a.zip'
    pack(tmp_path / 'lm/test', archive, zipfile.ZIP_STORED)
    broken.write_bytes(archive.read_bytes()[:-100])
    settings = dict(paper_datasets()['lm'], data_root=str(tmp_path / 'lm'))
    with pytest.raises(SampleError, match='a.zip: an archive that cannot be read in place'):  # training starts with all
        samples(settings)
    done = script('dataset_converters/prepare', 'lm', '--root', tmp_path / 'lm')
    assert done.returncode == 1 and 'left out' in done.stderr and 'a.zip' in done.stderr and '4 samples' in done.stdout
    assert len(samples(settings)) == 4
    done = script('dataset_converters/prepare', 'lm', '--root', tmp_path / 'lm')  # and is looked at again
    assert done.returncode == 1 and 'up to date' not in done.stdout and 'a.zip' in done.stderr
    broken.write_bytes(archive.read_bytes())  # whole now: the index is older
    done = script('dataset_converters/prepare', 'lm', '--root', tmp_path / 'lm')
    assert done.returncode == 0, done.stderr


def test_models_targets_and_meshes_of_official_archives(tmp_path, bop_rooms):
    """``lm_base.zip`` has the folder of the dataset above its files, ``lm_models.zip`` has not."""
    root = tmp_path / 'lm'
    shutil.copytree(bop_rooms, root)
    with zipfile.ZipFile(root / 'lm_base.zip', 'w') as packed:
        packed.write(root / 'test_targets_bop19.json', 'lm/test_targets_bop19.json')
    (root / 'test_targets_bop19.json').unlink()
    pack(root / 'models', root / 'lm_models.zip')
    targets, models = 'test_targets_bop19.json', root / 'models'
    settings = dict(type='mmvd.BOPPoseDataset', data_root=str(root), split='test', targets=targets)
    metric = dict(type='mmvd.BOPPoseMetric', models=str(models), targets=str(root / targets), with_vsd=False)
    assert DATASETS.get('BOPPoseDataset').missing(settings) is None
    assert not list(METRICS.get('BOPPoseMetric').missing(metric))
    assert len(samples(settings)) == 3 and read_targets(root / targets)
    assert PoseScores(models).model(1).diameter > 100
    assert PoseLoss(models=str(models))._motions_of(6).shape[1:] == (4, 4)
    gone = list(METRICS.get('BOPPoseMetric').missing(dict(metric, models=str(root / 'none'), targets='none.json')))
    assert len(gone) == 2 and 'none/models_info.json (no such file)' in str(gone[0])


def test_an_archive_in_parts_beside_its_files_is_left_alone(tmp_path):
    fabricate_bop(tmp_path / 'ycbv/train_real/000001', 2)
    settings = dict(type='mmvd.BOPDataset', data_root=str(tmp_path / 'ycbv'), split='train_real')
    (tmp_path / 'ycbv/ycbv_train_real.z01').write_bytes(b'a part')
    (tmp_path / 'ycbv/ycbv_train_real.zip').write_bytes(b'the last part')
    assert len(samples(settings)) == 2
    shutil.rmtree(tmp_path / 'ycbv/train_real')
    with pytest.raises(SampleError, match='it comes in parts'):
        samples(settings)


def test_one_damaged_archive_of_kitti(tmp_path):
    fabricate_kitti_raw(tmp_path / 'kitti')
    (tmp_path / 'kitti/broken.zip').write_bytes(b'no archive')
    done = script('dataset_converters/prepare', 'kitti', '--root', tmp_path / 'kitti')
    assert done.returncode == 1 and 'broken.zip' in done.stderr and 'samples, ' in done.stdout, done.stderr


@pytest.mark.parametrize(('place', 'value', 'told'), [(8, 1, 'x.png is encrypted'), (23, 9, 'leads beyond its end')])
def test_lists_that_cannot_be_followed_are_told(tmp_path, place, value, told):
    with zipfile.ZipFile(tmp_path / 'a.zip', 'w') as packed:
        packed.writestr('x.png', b'1234')
    content = bytearray((tmp_path / 'a.zip').read_bytes())
    content[content.index(b'PK\1\2') + place] |= value
    (tmp_path / 'a.zip').write_bytes(content)
    with pytest.raises(SampleError, match=told):
        archives.open_archive(tmp_path / 'a.zip')
