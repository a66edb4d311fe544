"""Label maps: loading, joint cropping, instances, altered depth, the three augmentations."""

import cv2
import numpy as np
import pytest
import torch

from mmvd.datasets.sample_key import KeyedIndex
from mmvd.datasets.seg_datasets import RGBDSegDataset
from mmvd.datasets.transforms import AlterDepth, LoadLabels, LoadRoomInstances, RGBDRandomCrop, ThreeAugment
from mmvd.errors import ConfigError, SampleError
from mmvd.registry import DATASETS


def load(path, classes: int = 3, reduce_zero_label: bool = False, shape=(4, 6)) -> dict:
    return LoadLabels().transform(
        dict(seg_map_path=str(path), num_classes=classes, reduce_zero_label=reduce_zero_label, ori_shape=shape)
    )


def test_labels(tmp_path):
    labels = np.array([[0, 1, 2, 255, 0, 1]] * 4, np.uint8)
    cv2.imwrite(str(tmp_path / 'a.png'), labels)
    assert (load(tmp_path / 'a.png')['gt_seg_map'] == labels).all()
    reduced = load(tmp_path / 'a.png', 2, True)
    assert reduced['gt_seg_map'][0].tolist() == [255, 0, 1, 255, 255, 0] and reduced['seg_fields'] == ['gt_seg_map']


@pytest.mark.parametrize(
    'case, text',
    [
        ('range', 'label 2 is outside the 2 classes 0 to 1'),
        ('reduced', 'label 2 is outside the 1 classes 1 to 1'),
        ('size', r'labels are \(4, 6\) but'),
        ('colour', '3 channels'),
        ('gone', 'no such label file'),
        ('truncated', 'truncated PNG'),
    ],
)
def test_odd_labels_are_refused(tmp_path, case, text):
    path = tmp_path / 'a.png'
    labels = np.array([[0, 1, 2, 255, 0, 1]] * 4, np.uint8)
    if case != 'gone':
        cv2.imwrite(str(path), np.stack([labels] * 3, -1) if case == 'colour' else labels)
    if case == 'truncated':
        path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(SampleError, match=text):
        load(path, dict(range=2, reduced=1).get(case, 3), case == 'reduced', (8, 8) if case == 'size' else (4, 6))


def test_dataset_arguments(tmp_path):
    with pytest.raises(ConfigError, match='either labels_from, or ann_file'):
        RGBDSegDataset(str(tmp_path), label_set='rooms', decoder='mm16')
    with pytest.raises(ConfigError, match='unknown label set'):
        RGBDSegDataset(str(tmp_path), label_set='room', decoder='mm16', ann_file='a.txt')
    (tmp_path / 'a.txt').write_text('a.png b.png\n')
    with pytest.raises(ConfigError, match='line 1: expected "image depth label"'):
        RGBDSegDataset(str(tmp_path), label_set='rooms', decoder='mm16', ann_file='a.txt')


def grid_sample(height: int = 40, width: int = 50, epoch: int = 0) -> dict:
    """Image, depth and labels that all say where they come from."""
    y, x = np.mgrid[:height, :width]
    return dict(
        img=np.stack([x, y, x * 0], -1).astype(np.uint8),
        depth=(x + 100 * y + 1).astype(np.float32),
        gt_seg_map=(x // 10).astype(np.uint8),
        intrinsics=np.array([[30, 0, 20], [0, 30, 10], [0, 0, 1]], np.float32),
        sample_idx=KeyedIndex(3, 0, epoch),
    )


def test_crop_moves_everything_alike():
    corners = set()
    for epoch in range(8):
        out = RGBDRandomCrop((20, 16))(grid_sample(epoch=epoch))
        top, left = int(out['img'][0, 0, 1]), int(out['img'][0, 0, 0])
        corners.add((top, left))
        assert out['img'].shape[:2] == out['depth'].shape == out['gt_seg_map'].shape == out['img_shape'] == (20, 16)
        assert (out['depth'] == out['img'][..., 0] + 100.0 * out['img'][..., 1] + 1).all()
        assert (out['gt_seg_map'] == out['img'][..., 0] // 10).all()
        assert out['intrinsics'][:2, 2].tolist() == [20 - left, 10 - top]
        again = RGBDRandomCrop((20, 16))(grid_sample(epoch=epoch))
        assert (again['depth'] == out['depth']).all()  # from (seed, epoch, index) alone
    assert len(corners) > 4


def test_crop_avoids_windows_of_one_class():
    sample = grid_sample()
    sample['gt_seg_map'] = np.zeros((40, 50), np.uint8)
    sample['gt_seg_map'][:, 25:] = 1
    ratios = []
    for epoch in range(20):
        out = RGBDRandomCrop((20, 16), cat_max_ratio=0.75)(dict(sample, sample_idx=KeyedIndex(0, 0, epoch)))
        ratios.append(max(np.bincount(out['gt_seg_map'].ravel())) / out['gt_seg_map'].size)
    assert np.mean(np.array(ratios) < 0.75) > 0.8
    small = RGBDRandomCrop((100, 100))(grid_sample())
    assert small['img'].shape[:2] == (40, 50)
    del sample['gt_seg_map']
    with pytest.raises(ConfigError, match='cat_max_ratio asks for labels'):
        RGBDRandomCrop((20, 16), cat_max_ratio=0.75)(sample)


def test_exactly_one_of_three(monkeypatch):
    image = np.random.default_rng(0).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    seen = set()
    for epoch in range(12):
        out = ThreeAugment()(dict(img=image.copy(), sample_idx=KeyedIndex(0, 0, epoch)))['img']
        if (out[..., 0] == out[..., 2]).all():
            seen.add('gray')
        elif (np.where(image >= 128, 255 - image, image) == out).all():
            seen.add('solarised')
        else:
            assert out.std() < image.std() or (out == image).mean() > 0.5  # a blur with a small sigma changes little
            seen.add('blurred')
    assert seen == {'gray', 'solarised', 'blurred'}
    assert (ThreeAugment(prob=0.0)(dict(img=image.copy(), sample_idx=KeyedIndex(0, 0, 0)))['img'] == image).all()


def test_altered_depth():
    depth = np.linspace(0.5, 4, 400, dtype=np.float32).reshape(20, 20)
    depth[0] = 0
    out = AlterDepth(zeros=0.25, scale=2.0)(dict(depth=depth.copy(), sample_idx=KeyedIndex(0, 0, 0)))['depth']
    assert (out > 0).sum() == round(380 * 0.75) and (out[0] == 0).all()
    np.testing.assert_allclose(out[out > 0], 2 * depth[out > 0])
    more = AlterDepth(zeros=0.5)(dict(depth=depth.copy(), sample_idx=KeyedIndex(0, 0, 0)))['depth']
    assert not ((more > 0) & (out == 0)).any()  # masks are nested


def test_instances_of_a_room():
    pytest.importorskip('mmdet')
    room = DATASETS.build(dict(type='mmvd.SyntheticRooms', length=1, size=(64, 64))).prepare_data(KeyedIndex(0, 0, 0))
    out = LoadRoomInstances(min_pixels=5)(room)
    for box, label, mask in zip(out['gt_bboxes'], out['gt_bboxes_labels'], out['gt_masks'].masks, strict=True):
        y, x = np.nonzero(mask)
        assert box.tolist() == [x.min(), y.min(), x.max() + 1, y.max() + 1] and mask.sum() >= 5
        assert (room['gt_seg_map'][mask > 0] == label).all()
    assert len(out['gt_bboxes']) > 0 and len(out['instances']) == len(out['gt_bboxes'])
    least = int(out['gt_masks'].masks.sum((1, 2)).min())
    counts = [len(LoadRoomInstances(min_pixels=least + more)(dict(room))['gt_bboxes']) for more in (0, 1)]
    assert counts[0] == len(out['gt_bboxes']) > counts[1]  # who has as many stays
    empty = LoadRoomInstances(min_pixels=10**6)(dict(room))
    assert empty['gt_bboxes'].shape == (0, 4) and empty['gt_masks'].masks.shape == (0, 64, 64)
    assert torch.from_numpy(empty['gt_bboxes_labels']).dtype == torch.int64
