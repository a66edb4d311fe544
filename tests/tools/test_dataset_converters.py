"""Converters on fabricated official layouts, run as a user runs them.

What they leave is read by the shipped configs.
"""

import shutil

import cv2
import h5py
import numpy as np
import pytest
from mmengine.config import Config
from scipy.io import loadmat, savemat

from mmvd.datasets.sample_key import KeyedIndex
from mmvd.registry import DATASETS
from tests import fabricate
from tests.commands import script
from tests.conftest import ROOT
from tests.planes import plane_m


def convert(name: str, *arguments):
    return script(f'dataset_converters/{name}', *arguments)


def samples(monkeypatch, data, name: str, loader: str = 'train_dataloader') -> list[dict]:
    """Samples of a segmentation config, loaded and not yet augmented."""
    monkeypatch.setenv('MMVD_DATA', str(data))
    settings = Config.fromfile(ROOT / f'configs/seg/m2f_vd_{name}.py')[loader].dataset
    assert DATASETS.get(settings.type).missing(settings) is None
    dataset = DATASETS.build(
        dict(settings, pipeline=Config.fromfile(ROOT / f'configs/seg/m2f_vd_{name}.py').train_pipeline[:3])
    )
    return [dataset.prepare_data(KeyedIndex(i, 0, 0)) for i in range(len(dataset))]


def check(sample: dict, labels: list[int], near: float = 1, far: float = 4) -> None:
    depth = sample['depth']
    assert sample['img'].shape[:2] == depth.shape == sample['gt_seg_map'].shape == fabricate.SIZE
    assert depth.min() == pytest.approx(near, rel=2e-3) and depth.max() == pytest.approx(far, rel=2e-3)
    assert (sample['gt_seg_map'] == fabricate.stripes(labels)).all()


def test_sunrgbd(tmp_path, monkeypatch):
    root = tmp_path / 'sunrgbd'
    done = convert('sunrgbd', root)
    assert done.returncode == 2 and 'SUNRGBDMeta.mat: no such file, unpack' in done.stderr
    fabricate.fabricate_sunrgbd(root)
    done = convert('sunrgbd', root)
    assert done.returncode == 0 and "{'train': 2, 'test': 1}" in done.stdout, done.stderr
    train, test = (samples(monkeypatch, tmp_path, 'sunrgbd', f'{split}_dataloader') for split in ('train', 'test'))
    assert len(train) == 2 and len(test) == 1
    for sample in (*train, *test):
        check(sample, [255, 0, 36])
    assert (root / 'scenes_train.txt').read_text().split()[2::3] == ['bedroom', 'living_room']
    doubled = DATASETS.build(
        dict(
            type='mmvd.SUNRGBDSegDataset',
            data_root=str(root),
            ann_file='train.txt',
            paper_compat=True,
            pipeline=[dict(type='LoadImageFromFile'), dict(type='mmvd.LoadDepth')],
        )
    )
    np.testing.assert_allclose(doubled[0]['depth'], 2 * train[0]['depth'], rtol=1e-6)
    told = convert('sunrgbd', root, '--verify')
    mean, std = np.mean([(plane_m(i).mean(), plane_m(i).std()) for i in range(2)], 0)
    assert told.returncode == 0 and f'2 images, depth {mean:.2f} +- {std:.2f} m, 100%' in told.stdout, told.stderr
    assert (
        "the paper's Table 6: 2.3 +- 0.7 m, 87%" in told.stdout
        and 'wall 52.38%' in told.stdout
        and 'unlabelled: 34.4%' in told.stdout
    )
    assert (
        'SUNRGBDSceneDataset: ' in told.stdout
        and 'living_room 1' in told.stdout
        and 'NOT THE OFFICIAL SET, which has 5285 images' in told.stdout
    )


def test_sunrgbd_does_not_lose_its_split(tmp_path):
    fabricate.fabricate_sunrgbd(tmp_path)
    split = tmp_path / 'SUNRGBDtoolbox/traintestSUNRGBD/allsplit.mat'
    train = [str(path) for path in loadmat(split, squeeze_me=True)['alltrain']]
    savemat(split, dict(alltrain=np.array([[path.replace('SUNRGBD/', 'SUNRGBD//') + '/' for path in train]], object)))
    done = convert('sunrgbd', tmp_path)
    assert done.returncode == 0 and "{'train': 2, 'test': 1}" in done.stdout, done.stderr
    for paths, text in (
        ([f'{path}_old' for path in train], '2 of 2 training folders are in no frame'),
        (['/elsewhere/a'], f'{split}: /elsewhere/a has no folder SUNRGBD'),
    ):
        savemat(split, dict(alltrain=np.array([paths], object)))
        done = convert('sunrgbd', tmp_path)
        assert done.returncode == 2 and text in done.stderr, done.stderr


def test_nyuv2(tmp_path, monkeypatch):
    root = tmp_path / 'nyuv2'
    fabricate.fabricate_nyuv2_mat(root)
    done = convert('nyuv2', root)
    assert done.returncode == 0 and "{'train': 2, 'test': 1}" in done.stdout, done.stderr
    train = samples(monkeypatch, tmp_path, 'nyuv2')
    assert len(train) == 2
    check(train[0], [255, 4, 39])
    original = np.random.default_rng(0).integers(0, 256, (3, fabricate.SIZE[1], fabricate.SIZE[0]), dtype=np.uint8)
    assert (train[0]['img'][..., ::-1] == original.transpose(2, 1, 0)).all()
    assert (root / 'scenes_train.txt').read_text().splitlines()[
        1
    ] == 'train/images/0003_rgb.png train/depth/0003_depth.png study'
    root.rename(tmp_path / 'store')
    root.symlink_to('store')  # the folder is the one beside the name that was given
    assert convert('nyuv2', root, '--depth', 'filled').returncode == 0
    check(samples(monkeypatch, tmp_path, 'nyuv2')[0], [255, 4, 39])  # what is there stays
    root.rename(tmp_path / 'raw')
    (tmp_path / 'nyuv2_filled').rename(root)
    check(samples(monkeypatch, tmp_path, 'nyuv2')[0], [255, 4, 39], 2, 5)


def test_nyuv2_of_two_versions(tmp_path):
    fabricate.fabricate_nyuv2_mat(tmp_path)
    with h5py.File(tmp_path / 'nyu_depth_v2_labeled.mat', 'r+') as file:
        file['labels'][0, 0, 0] = 5000
    done = convert('nyuv2', tmp_path)
    assert done.returncode == 2 and 'frame 1 of nyu_depth_v2_labeled.mat has 5000' in done.stderr


def test_cityscapes(tmp_path, monkeypatch):
    fabricate.fabricate_cityscapes(tmp_path / 'cityscapes')
    assert convert('label_ids', 'cityscapes', tmp_path / 'cityscapes').returncode == 0
    assert (
        convert('label_ids', 'cityscapes', tmp_path / 'cityscapes').returncode == 0
    )  # what it wrote is not taken for input
    for sample in samples(monkeypatch, tmp_path, 'cityscapes'):
        check(sample, [255, 0, 18], 5, 40)


@pytest.mark.parametrize(
    ('name', 'told'),
    [
        ('cityscapes', 'gtFine_trainvaltest.zip into {}'),
        ('cocostuff', 'stuffthingmaps_trainval2017.zip into {}/annotations'),
    ],
)
def test_the_archive_of_labels_is_named(tmp_path, name, told):
    done = convert('label_ids', name, tmp_path)
    assert done.returncode == 2 and f'unpack {told.format(tmp_path)}\n' in done.stderr, done.stderr


def test_ids_of_cityscapes_become_the_classes_of_mmseg(tmp_path):
    """The official label ids by name; their order is that of mmseg's classes."""
    from mmseg.datasets import CityscapesDataset

    ids = dict(road=7, sidewalk=8, building=11, wall=12, fence=13, pole=17, vegetation=21, terrain=22, sky=23)
    ids |= dict(person=24, rider=25, car=26, truck=27, bus=28, train=31, motorcycle=32, bicycle=33)
    ids |= {'traffic light': 19, 'traffic sign': 20}
    official = tmp_path / 'gtFine/train/a/a_gtFine_labelIds.png'
    official.parent.mkdir(parents=True)
    cv2.imwrite(str(official), np.arange(256, dtype=np.uint8).reshape(16, 16))
    assert convert('label_ids', 'cityscapes', tmp_path).returncode == 0
    found = cv2.imread(str(official.with_name('a_gtFine_labelTrainIds.png')), cv2.IMREAD_UNCHANGED).ravel()
    names = CityscapesDataset.METAINFO['classes']
    assert [found[ids[name]] for name in names] == list(range(19)) and (found != 255).sum() == 19


def test_class_folders_are_verified(tmp_path, monkeypatch):
    fabricate.fabricate_classes(tmp_path / 'mvip', 'mvip')
    monkeypatch.setenv('MMVD_DATA', str(tmp_path))
    done = convert('verify', 'configs/cls/linear84_vd_mvip.py')
    mean = np.mean([plane_m(i).mean() for i in range(2)])
    rooms = convert('verify', 'configs/seg/m2f_vd_rooms.py')
    assert rooms.returncode == 2 and 'none of its datasets reads files' in rooms.stderr
    assert done.returncode == 0 and done.stdout.count(f'MVIPDataset: 4 images, depth {mean:.2f}') == 3, (
        done.stderr
    )  # train, valid, test
    assert (
        'first 2, second 2' in done.stdout and done.stdout.count('2 CLASSES, but the head of the config has 308') == 3
    )


def test_pretraining_data_are_verified(tmp_path, monkeypatch):
    fabricate.fabricate_nine(tmp_path)
    spoilt = next(path for path in sorted((tmp_path / 'scannet').rglob('*')) if path.suffix in ('.jpg', '.png'))
    spoilt.write_bytes(spoilt.read_bytes()[:100])
    monkeypatch.setenv('MMVD_DATA', str(tmp_path))
    done = convert('verify', 'configs/vd/pretrain_dinov2_pde.py')
    assert done.returncode == 1 and done.stdout.count('train_dataloader: ') == 9, done.stderr  # evaluated on rooms
    assert f'FAILED {tmp_path}/scannet' in done.stdout and '1 samples could not be read' in done.stdout


def test_verification_names_what_cannot_be_read(tmp_path):
    fabricate.fabricate_ade20k(tmp_path)
    done = convert('label_ids', 'ade20k', tmp_path, '--verify')
    assert (
        done.returncode == 1 and 'ADE_0_depth.png (no such file, for images/training/ADE_0.jpg); made by' in done.stderr
    )
    for split in ('training', 'validation'):
        fabricate._depth(tmp_path / f'images/{split}/ADE_0_depth.png', 1000)
    (tmp_path / 'images/training/ADE_1.jpg').write_bytes(b'no image')
    fabricate._depth(tmp_path / 'images/training/ADE_1_depth.png', 1000)
    fabricate._labels(tmp_path / 'annotations/training/ADE_1.png', fabricate.stripes([0, 1, 150]))
    done = convert('label_ids', 'ade20k', tmp_path, '--verify')
    assert done.returncode == 1 and 'ADE_1.jpg' in done.stdout and '1 samples could not be read' in done.stdout, (
        done.stderr
    )


def cut(path) -> None:
    path.write_bytes(path.read_bytes()[:200])


@pytest.mark.parametrize(
    'name, fabricated, spoil, text',
    [
        (
            'sunrgbd',
            fabricate.fabricate_sunrgbd,
            lambda root: cut(root / 'SUNRGBDtoolbox/Metadata/SUNRGBDMeta.mat'),
            'Meta.mat: truncated or no MATLAB',
        ),
        (
            'sunrgbd',
            fabricate.fabricate_sunrgbd,
            lambda root: cut(root / 'SUNRGBDtoolbox/Metadata/SUNRGBD2Dseg.mat'),
            '2Dseg.mat: truncated or',
        ),
        (
            'sunrgbd',
            fabricate.fabricate_sunrgbd,
            lambda root: shutil.rmtree(root / 'SUNRGBD'),
            'image/0.jpg: no such file, unpack SUNRGBD.zip',
        ),
        (
            'nyuv2',
            fabricate.fabricate_nyuv2_mat,
            lambda root: cut(root / 'nyu_depth_v2_labeled.mat'),
            'labeled.mat: truncated or no MATLAB 7.3 file',
        ),
        (
            'nyuv2',
            fabricate.fabricate_nyuv2_mat,
            lambda root: savemat(root / 'splits.mat', dict(a=1)),
            'no MATLAB file with trainNdxs',
        ),
        (
            'nyuv2',
            fabricate.fabricate_nyuv2_mat,
            lambda root: savemat(root / 'splits.mat', dict(trainNdxs=[[9]], testNdxs=[[1]])),
            'names frame 9',
        ),
    ],
)
def test_damaged_archives_are_one_line(tmp_path, name, fabricated, spoil, text):
    fabricated(tmp_path)
    spoil(tmp_path)
    done = convert(name, tmp_path)
    assert done.returncode == 2 and text in done.stderr and 'Traceback' not in done.stderr, done.stderr


@pytest.mark.parametrize(
    'labels, text',
    [
        (np.full((48, 64), 24001, np.uint16), 'label 24001 is none of the official ids'),
        (np.zeros((48, 64, 3), np.uint8), '3 channels where a label map has one'),
    ],
)
def test_odd_label_maps_are_one_line(tmp_path, labels, text):
    fabricate.fabricate_cocostuff(tmp_path)
    cv2.imwrite(str(next(tmp_path.glob('annotations/train2017/*.png'))), labels)
    done = convert('label_ids', 'cocostuff', tmp_path)
    assert done.returncode == 2 and text in done.stderr and 'Traceback' not in done.stderr, done.stderr


def test_frames_without_a_scene_are_listed_and_dropped(tmp_path):
    fabricate.fabricate_sunrgbd(tmp_path)
    (tmp_path / 'SUNRGBD/kv1/NYUdata/NYU0000/scene.txt').unlink()
    assert convert('sunrgbd', tmp_path).returncode == 0
    assert (tmp_path / 'scenes_train.txt').read_text().split()[2::3] == ['unknown', 'living_room']
    dataset = DATASETS.build(
        dict(type='mmvd.SUNRGBDSceneDataset', data_root=str(tmp_path), ann_file='scenes_train.txt', pipeline=[])
    )
    assert len(dataset) == 1 and dataset.dropped == {'unknown': 1}


def test_a_toolbox_of_another_version_is_one_line(tmp_path):
    fabricate.fabricate_sunrgbd(tmp_path)
    with h5py.File(tmp_path / 'SUNRGBDtoolbox/Metadata/SUNRGBD2Dseg.mat', 'r+') as file:
        kept = file['SUNRGBD2Dseg/seglabel'][:2]
        del file['SUNRGBD2Dseg/seglabel']
        file['SUNRGBD2Dseg'].create_dataset('seglabel', data=kept, dtype=h5py.ref_dtype)
    done = convert('sunrgbd', tmp_path)
    assert done.returncode == 2 and '2 label maps where ' in done.stderr and 'Traceback' not in done.stderr


@pytest.mark.parametrize('limit', [0, -3])
def test_limits_of_verification_are_numbers_of_samples(limit):
    done = convert('verify', 'configs/vd/pretrain_scratch_pde.py', '--limit', limit)
    assert done.returncode == 2 and '--limit must be a whole number of at least 1' in done.stderr
