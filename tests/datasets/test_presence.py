"""Whether data are there: told with the file that is not, and with what makes it."""

import shutil
import sys
import zipfile

import pytest

from mmvd.apis.missing_data import missing_data, missing_of
from mmvd.apis.preparation import paper_datasets
from mmvd.datasets.walk import some_of
from mmvd.registry import DATASETS
from tests.conftest import logged
from tests.datasets.test_archives import pack, same, samples
from tests.datasets.test_index import pairs
from tests.fabricate import fabricate_bop, fabricate_sunrgbd, fabricate_void
from tools.dataset_converters.prepare import main as prepare_main


def paper(name, root) -> dict:
    return dict(paper_datasets()[name], data_root=str(root))


def test_the_first_images_of_the_first_folders_are_looked_at():
    names = ['a/1', 'a/2', 'a/3', 'b/1', 'c/1']
    assert list(some_of(iter(names), 2, 2)) == ['a/1', 'a/2', 'b/1']


def test_a_list_of_files_that_are_not_there_is_no_dataset(tmp_path):
    fabricate_sunrgbd(tmp_path / 'sun')
    frame = 'SUNRGBD/kv1/NYUdata/NYU0001'
    (tmp_path / 'sun/test.txt').write_text(f'{frame}/image/1.jpg {frame}/depth/1.png {frame}/label/1.png\n')
    shutil.rmtree(tmp_path / 'sun/SUNRGBD')
    told = str(missing_of(paper('sunrgbd', tmp_path / 'sun')))
    assert f'{frame}/image/1.jpg (no such file, for test.txt); made by: python tools/' in told
    fabricate_void(tmp_path / 'void_release')
    settings = paper('void', tmp_path / 'void_release')
    assert missing_of(settings) is None
    for folder in (tmp_path / 'void_release').glob('*/data/*/ground_truth'):
        shutil.rmtree(folder)
    assert 'ground_truth/' in str(missing_of(settings))


def test_what_a_list_names_beside_files_is_none(tmp_path):
    fabricate_sunrgbd(tmp_path)
    frame = 'SUNRGBD/kv1/NYUdata/NYU0000'
    (tmp_path / 'scenes.txt').write_text(f'{frame}/image/0.jpg {frame}/depth/0.png bedroom\n')
    settings = dict(type='mmvd.SUNRGBDSceneDataset', data_root=str(tmp_path), ann_file='scenes.txt')
    assert missing_of(settings) is None  # a class is no file
    shutil.rmtree(tmp_path / frame / 'depth')
    assert f'{frame}/depth/0.png' in str(missing_of(settings))
    colour = [dict(type='mmvd.LoadDepth', allow_missing_depth=True)]
    assert missing_of(dict(settings, pipeline=colour)) is None
    (tmp_path / 'scenes.txt').write_text('one\n')
    assert 'scenes.txt (line 1: expected "image depth class"' in str(missing_of(settings))


def test_a_sample_that_lacks_a_file_does_not_speak_for_its_dataset(tmp_path):
    settings = pairs(tmp_path)
    (tmp_path / 'a b/depth/0.png').unlink()
    assert missing_of(settings) is None
    lone = dict(settings, images='a b/rgb/*.png', exclude=r'/[12]\.png$')
    assert 'a b/depth/0.png (no such file, for a b/rgb/0.png)' in str(missing_of(lone))
    assert missing_of(dict(lone, pipeline=[dict(type='mmvd.LoadDepth', allow_missing_depth=True)])) is None
    blind = dict(settings, images='ü/rgb/*.png', camera_from=('/rgb/.*', '/camera.txt'))
    assert 'ü/camera.txt (no such file' in str(missing_of(blind))


def test_an_archive_that_is_cut_off_hides_no_other_lack(tmp_path):
    (tmp_path / 'SUNRGBD.zip').write_bytes(b'PK')
    settings = dict(type='mmvd.SUNRGBDSegDataset', data_root=str(tmp_path), ann_file='train.txt')
    told = str(missing_of(settings))
    assert told.startswith(f'{tmp_path}/train.txt ({tmp_path}/SUNRGBD.zip: an archive that cannot be read in place')
    assert 'copy it again); made by: python tools/' in told
    (tmp_path / 'train.txt').write_text('a.jpg a.png a.png\n')
    both = dict(type='mmvd.EvenMixture', samples_per_epoch=1, datasets=dict(a=settings, b=paper('lm', '/none')))
    assert [each.needed_by for each in missing_data(both)] == ['dataset a', 'dataset b']


def test_a_list_in_an_archive(tmp_path):
    fabricate_void(tmp_path / 'void_release')
    settings = paper('void', tmp_path / 'void_release')
    unpacked = samples(settings)
    pack(tmp_path / 'void_release/void_1500', tmp_path / 'void_release/void_1500.zip')
    assert missing_of(settings) is None and same(samples(settings), unpacked)


@pytest.mark.parametrize(
    ('name', 'file', 'told'),
    [
        ('scannet', 'scans/scene0000_00/scene0000_00.sens', 'tools/dataset_converters/scannet_sens.py'),
        ('nyuv2', 'nyu_depth_v2_labeled.mat', 'tools/dataset_converters/nyuv2.py'),
        ('matterport3d', 'v1/scans/a/undistorted_color_images.zip', 'color_images.zip is not read in place: unpack it'),
        ('matterport3d', 'v1/undistorted_color_images.zip', 'color_images.zip is not read in place: unpack it'),
        ('matterport3d', 'a/a/undistorted_color_images/b.jpg', 'such files lie below a/ in it: name that folder'),
        ('blendedmvs', 'dataset_low_res/a/blended_images/b.jpg', 'such files lie below dataset_low_res/ in it'),
    ],
)
def test_what_makes_the_files_is_named(tmp_path, monkeypatch, capsys, name, file, told):
    path = tmp_path / name / file
    path.parent.mkdir(parents=True)
    path.write_bytes(b'')
    monkeypatch.setattr(sys, 'argv', ['prepare.py', name, '--root', str(tmp_path / name)])
    assert prepare_main() == 2 and told in capsys.readouterr().err


def test_what_macos_adds_to_an_archive_is_no_folder_of_images(tmp_path, monkeypatch):
    fabricate_bop(tmp_path / 'lm/test/000001', 2)
    pack(tmp_path / 'lm/test', tmp_path / 'lm/lm_test.zip')
    with zipfile.ZipFile(tmp_path / 'lm/lm_test.zip', 'a') as archive:
        archive.writestr('__MACOSX/lm/test/000001/rgb/000000.png', b'')
    told = logged(monkeypatch)
    settings = dict(type='mmvd.BOPDataset', data_root=str(tmp_path / 'lm'), split='test')
    assert len(DATASETS.build(settings | dict(pipeline=[]))) == 2 and not told


def test_a_limit_is_one_of_verify(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, 'argv', ['prepare.py', 'lm', '--root', str(tmp_path), '--limit', '3'])
    assert prepare_main() == 2 and '--limit: how many samples --verify reads' in capsys.readouterr().err
