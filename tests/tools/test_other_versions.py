"""Archives of another version, and what an earlier one left: told in a line, nothing is mixed."""

import shutil

import h5py
import numpy as np
import pytest
from scipy.io import savemat

from tests import fabricate
from tests.tools.test_dataset_converters import convert

META = 'SUNRGBDtoolbox/Metadata/SUNRGBDMeta.mat'


def relabel(root, group: str, value) -> None:
    """Other content under a name of SUN RGB-D's file of labels."""
    with h5py.File(root / 'SUNRGBDtoolbox/Metadata/SUNRGBD2Dseg.mat', 'r+') as file:
        del file[group]
        file[group] = value


def damage_packed(path) -> None:
    """A byte that changed in what MATLAB packs by default."""
    savemat(path, dict(trainNdxs=np.arange(300.0)), do_compression=True)
    content = bytearray(path.read_bytes())
    content[200] ^= 255
    path.write_bytes(content)


@pytest.mark.parametrize(
    ('name', 'spoil', 'text'),
    [
        ('sunrgbd', lambda root: relabel(root, 'SUNRGBD2Dseg', np.zeros(3)), '2Dseg.mat: truncated or no MATLAB 7.3'),
        ('sunrgbd', lambda root: relabel(root, 'label1', np.full((64, 48), 300)), 'map 2 has the label 300, 37 are'),
        ('sunrgbd', lambda root: savemat(root / META, dict(SUNRGBDMeta=np.zeros(3))), 'its frames have no rgbpath'),
        ('sunrgbd', lambda root: (root / 'labels').touch(), 'labels: this folder cannot be written'),
        ('nyuv2', lambda root: savemat(root / 'splits.mat', dict(trainNdxs=[1, 2], testNdxs=[2])), 'each of one split'),
        ('nyuv2', lambda root: damage_packed(root / 'splits.mat'), 'splits.mat: truncated or no MATLAB file with'),
        ('nyuv2', lambda root: savemat(root / 'splits.mat', dict(trainNdxs=[0, 1], testNdxs=[2])), 'numbers from 1'),
        ('nyuv2', lambda root: savemat(root / 'splits.mat', dict(trainNdxs=[1.5], testNdxs=[2])), 'whole numbers'),
    ],
)
def test_other_versions_of_archives_are_one_line(tmp_path, name, spoil, text):
    dict(sunrgbd=fabricate.fabricate_sunrgbd, nyuv2=fabricate.fabricate_nyuv2_mat)[name](tmp_path)
    spoil(tmp_path)
    done = convert(name, tmp_path)
    assert done.returncode == 2 and text in done.stderr and 'Traceback' not in done.stderr, done.stderr


def test_nyuv2_of_another_division_does_not_mix(tmp_path):
    """Frames of a former division would be read with those of the new one."""
    fabricate.fabricate_nyuv2_mat(tmp_path)
    assert convert('nyuv2', tmp_path).returncode == 0
    savemat(tmp_path / 'splits.mat', dict(trainNdxs=[1.0, 2.0], testNdxs=[3.0]))  # MATLAB's numbers are floats
    done = convert('nyuv2', tmp_path)
    assert done.returncode == 2 and 'frames there are not of this split by splits.mat: delete' in done.stderr
    for split in ('train', 'test'):
        shutil.rmtree(tmp_path / split)
    assert convert('nyuv2', tmp_path).returncode == 0
    assert [path.name for path in sorted(tmp_path.glob('train/images/*'))] == ['0001_rgb.png', '0002_rgb.png']


@pytest.mark.parametrize(('text', 'scene'), [('', 'unknown'), ('living room\nx\n', 'living_room_x')])
def test_scenes_of_any_text_are_one_word(tmp_path, text, scene):
    fabricate.fabricate_sunrgbd(tmp_path)
    (tmp_path / 'SUNRGBD/kv1/NYUdata/NYU0000/scene.txt').write_text(text)
    assert convert('sunrgbd', tmp_path).returncode == 0
    assert (tmp_path / 'scenes_train.txt').read_text().split()[2::3] == [scene, 'living_room']
