"""Links in the folders of datasets, and those that lead nowhere: a disk may not be mounted."""

import os
import shutil
from pathlib import Path

import pytest

from mmvd.datasets.archives import is_file, located
from mmvd.errors import MissingInputsError
from tests.conftest import logged
from tests.datasets.test_index import build
from tests.fabricate import fabricate_bop, fabricate_classes
from tools.dataset_converters.prepare import folder_of, prepare


def test_a_class_folder_on_a_disk_that_is_not_there_is_an_error(tmp_path):
    fabricate_classes(tmp_path / 'set', 'imagenet')
    (tmp_path / 'set/train/README.md').symlink_to(tmp_path / 'none')
    settings = dict(type='mmvd.ImageNetRGBDDataset', data_root=str(tmp_path / 'set'), images='val/*/*.JPEG')
    assert len(build(settings)) == 4
    shutil.move(tmp_path / 'set/train/first', tmp_path / 'first')
    (tmp_path / 'set/train/first').symlink_to(tmp_path / 'none')
    with pytest.raises(MissingInputsError, match='train/first: this link to a class folder leads nowhere'):
        build(settings)


def test_a_link_that_is_climbed_behind(tmp_path, monkeypatch):
    (tmp_path / 'far/deep').mkdir(parents=True)
    (tmp_path / 'near').symlink_to(tmp_path / 'far/deep')
    monkeypatch.chdir(tmp_path)
    names = {'near': 'near', 'x/../near': 'near', 'near/../lm': 'far/lm', '.': '.'}
    assert {name: folder_of(Path(name)) for name in names} == {
        name: os.path.abspath(tmp_path / place) for name, place in names.items()
    }


@pytest.mark.parametrize('linked', ['test/000002', 'b.zip', 'test'])
def test_a_link_to_a_disk_that_is_not_there_is_told(tmp_path, monkeypatch, linked):
    root, disk = tmp_path / 'lm', tmp_path / 'disk'
    for scene in (1, 2):
        fabricate_bop(root / f'test/{scene:06d}', 2)
    if linked == 'b.zip':
        shutil.make_archive(str(root / 'b'), 'zip', root, 'test/000002')
        shutil.rmtree(root / 'test/000002')
    disk.mkdir()
    shutil.move(root / linked, disk / 'there')
    (root / linked).symlink_to(disk / 'there')
    disk.rename(tmp_path / 'unmounted')
    (root / 'README.txt').symlink_to(disk / 'README.txt')  # no folder by its name
    settings = dict(type='mmvd.BOPDataset', data_root=str(root), split='test')
    if linked == 'test':
        with pytest.raises(MissingInputsError, match='lm/test: this link leads nowhere: is its disk there'):
            prepare(settings)
        return
    with monkeypatch.context() as patch:
        told = logged(patch)
        assert len(build(settings)) == 2  # it may have been anything
    assert any(f'{linked}: this link leads nowhere: is its disk there?' in line for line in told)
    found = prepare(settings)
    assert len(found) == 2 and linked in found.data_list.left_out['first'][0]
    if linked == 'b.zip':  # what lacks depth is told of when it is read, not because of the link
        assert not is_file(located(root, 'test/000001/depth/none.png'))
    (tmp_path / 'unmounted').rename(disk)
    monkeypatch.setenv('MMVD_INDEX', str(tmp_path / 'elsewhere'))
    assert len(prepare(settings)) == 4 and len(build(settings)) == 4  # the index with the data knows less
