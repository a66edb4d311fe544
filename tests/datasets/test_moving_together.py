"""Boxes, masks, labels and cameras move along with their image, or it is told who left them behind."""

import cv2
import numpy as np
import pytest

from mmvd.datasets.sample_key import KeyedIndex
from mmvd.datasets.transforms import LoadRoomInstances
from mmvd.errors import ConfigError, SampleError
from mmvd.registry import DATASETS, MODELS, TRANSFORMS
from tests.datasets.test_transforms import GEOMETRY, H, W

CAMERA = np.array([[70, 0, 40], [0, 75, 29], [0, 0, 1.0]], np.float32)


def sample(key=0, **changes) -> dict:
    image = np.zeros((H, W, 3), np.uint8)
    data = dict(img=image, depth=np.ones((H, W), np.float32), img_path='x.png', img_shape=(H, W), ori_shape=(H, W))
    return dict(data, intrinsics=CAMERA, seg_fields=['depth'], sample_idx=KeyedIndex(key, 0, 0), **changes)


def outline(mask: np.ndarray) -> list[int]:
    x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
    return [x, y, x + width, y + height]


@pytest.mark.parametrize('config', GEOMETRY, ids=lambda c: c['type'])
@pytest.mark.parametrize('key', range(4))
@pytest.mark.parametrize('kind', ['polygons', 'bitmaps', 'array'])
def test_boxes_and_masks_of_mmdet(config, key, kind):
    """Against the depth, in which both objects stand: one in the middle, one in a corner that crops lose."""
    boxes_of, masks_of = pytest.importorskip('mmdet.structures.bbox'), pytest.importorskip('mmdet.structures.mask')
    boxes = np.array([[25, 20, 55, 40], [0, 0, 6, 5]], np.float32)
    depth = np.ones((H, W), np.float32)
    for number, (x, y, right, below) in enumerate(boxes.astype(int)):
        depth[y:below, x:right] = 2 + number
    bitmaps = np.stack([depth == 2, depth == 3]).astype(np.uint8)
    corners = [[np.array([x, y, right, y, right, below, x, below])] for x, y, right, below in boxes]
    masks = masks_of.PolygonMasks(corners, H, W) if kind == 'polygons' else masks_of.BitmapMasks(list(bitmaps), H, W)
    start = sample(key, gt_bboxes_labels=np.array([7, 8]), gt_ignore_flags=np.zeros(2, bool), gt_masks=masks)
    start['depth'] = depth
    start['gt_bboxes'] = boxes.copy() if kind == 'array' else boxes_of.HorizontalBoxes(boxes)
    given, inside = start['gt_bboxes'], np.array(boxes)
    out = TRANSFORMS.build(config)(start)
    np.testing.assert_array_equal(given if kind == 'array' else given.tensor, inside)  # those of the dataset stay
    seen = [label for label, value in ((7, 2), (8, 3)) if (out['depth'] == value).any()]
    assert 7 in seen and out['gt_bboxes_labels'].tolist() == seen and len(out['gt_ignore_flags']) == len(seen)
    for box, mask, label in zip(out['gt_bboxes'].tensor.numpy(), out['gt_masks'].masks, seen, strict=True):
        there = out['depth'] == label - 5
        assert mask.shape == out['img'].shape[:2]
        assert (mask > 0).sum() > 0 and ((mask > 0) & there).sum() / ((mask > 0) | there).sum() > (
            0.85 if kind == 'polygons' and label == 7 else 0.6 if kind == 'polygons' else 0.999
        )
        tight = np.array(outline(there))
        if 'Rotate' in config['type']:  # the upright box around the turned one
            assert (box[:2] <= tight[:2] + 1).all() and (box[2:] >= tight[2:] - 1).all()
        else:
            np.testing.assert_allclose(box, tight, atol=1)


@pytest.mark.parametrize('horizontal, vertical', [(1.0, 0.0), (0.0, 1.0), (1.0, 1.0)])
def test_axes_of_a_mirrored_camera_stay_positive(horizontal, vertical):
    flip = TRANSFORMS.build(dict(type='mmvd.RGBDRandomFlip', horizontal=horizontal, vertical=vertical))
    found, (cx, cy) = flip(sample())['intrinsics'], CAMERA[:2, 2]
    expected = [[70, 0, W - 1 - cx if horizontal else cx], [0, 75, H - 1 - cy if vertical else cy], [0, 0, 1]]
    np.testing.assert_allclose(found, expected)


def test_crops_reach_every_border():
    crop = TRANSFORMS.build(dict(type='mmvd.RGBDRandomCrop', size=(H - 1, W - 1)))
    centres = {tuple(crop(sample(key))['intrinsics'][:2, 2].tolist()) for key in range(40)}
    assert centres == {(x, y) for x in (39, 40) for y in (28, 29)}
    larger = TRANSFORMS.build(dict(type='mmvd.RGBDCenterCrop', size=W))(sample())  # a smaller side stays as it is
    tiny = TRANSFORMS.build(dict(type='mmvd.RGBDResize', size=6, divisor=14))(sample())
    assert tiny['img'].shape[:2] == tiny['depth'].shape == (14, 14)  # no side of 0
    assert larger['depth'].shape == (H, W) and np.array_equal(larger['intrinsics'], CAMERA)


def test_masks_without_boxes():
    """One in the middle, one in a corner that the crop loses, one that was empty before."""
    masks_of = pytest.importorskip('mmdet.structures.mask')
    masks = np.zeros((3, H, W), np.uint8)
    masks[0, 25:35, 35:45], masks[1, :5, :5] = 1, 1
    data = sample(gt_masks=masks_of.BitmapMasks(list(masks), H, W), gt_bboxes_labels=np.array([1, 2, 3]))
    out = TRANSFORMS.build(dict(type='mmvd.RGBDCenterCrop', size=40))(data)
    assert out['gt_bboxes_labels'].tolist() == [1, 3] and out['gt_masks'].areas.tolist() == [100, 0]


def test_an_image_without_objects():
    boxes_of, masks_of = pytest.importorskip('mmdet.structures.bbox'), pytest.importorskip('mmdet.structures.mask')
    nothing = dict(gt_bboxes=boxes_of.HorizontalBoxes(np.zeros((0, 4), np.float32)))
    nothing.update(gt_bboxes_labels=np.zeros(0, np.int64), gt_masks=masks_of.BitmapMasks([], H, W))
    out = TRANSFORMS.build(dict(type='mmvd.RGBDCenterCrop', size=40))(sample(**nothing))
    assert len(out['gt_bboxes']) == len(out['gt_bboxes_labels']) == 0 and out['gt_masks'].masks.shape == (0, 40, 40)


def test_rooms_are_judged_in_the_original_image():
    pytest.importorskip('mmdet')
    room = DATASETS.build(dict(type='mmvd.SyntheticRooms', length=1, size=(64, 64))).prepare_data(KeyedIndex(0, 0, 0))
    resize = TRANSFORMS.build(dict(type='mmvd.RGBDResize', size=(32, 32)))
    out = resize(LoadRoomInstances(min_pixels=5)(dict(room)))
    assert out['gt_masks'].masks.shape[1:] == (32, 32) and len(out['gt_bboxes']) > 0
    assert {tuple(each['mask']['size']) for each in out['instances']} == {(64, 64)}
    with pytest.raises(ConfigError, match='put it before what resizes or cuts'):
        LoadRoomInstances()(resize(dict(room)))


OF_MMSEG = [
    dict(type='mmseg.Resize', scale=(W // 2, H // 2)),
    dict(type='mmseg.RandomCrop', crop_size=(H // 2, W // 2)),
    dict(type='mmseg.RandomFlip', prob=1.0),
]


@pytest.mark.parametrize('step', OF_MMSEG, ids=lambda step: step['type'])
def test_a_camera_that_mmseg_left_behind(step):
    pytest.importorskip('mmseg')
    data = sample(gt_seg_map=np.zeros((H, W), np.uint8))
    data['seg_fields'] = ['depth', 'gt_seg_map']
    moved = TRANSFORMS.build(step)(data)
    late = TRANSFORMS.build(dict(type='mmvd.RGBDResize', size=(H, W)))(dict(moved))  # as large as before
    for results in (moved, late):
        encoded = TRANSFORMS.build(dict(type='mmvd.PositionalPointEncoding'))
        with pytest.raises(SampleError, match='x.png: a transform of the host moved the image and not its camera'):
            encoded(dict(results))
        batch = TRANSFORMS.build(dict(type='mmvd.PackRGBDInputs'))(results)
        batch = {key: [value] for key, value in batch.items()}
        points = dict(type='mmvd.PositionalPointEncoding')
        with pytest.raises(SampleError, match='not its camera, which PositionalPointEncoding reads'):
            MODELS.build(dict(type='mmvd.RGBDClsDataPreprocessor', depth_encoding=points))(batch)
        assert MODELS.build(dict(type='mmvd.RGBDClsDataPreprocessor'))(batch)['inputs'].shape[1] == 4  # reads none
    unknown = TRANSFORMS.build(dict(type='mmvd.PackRGBDInputs'))({**moved, 'intrinsics': None})
    assert 'camera_left_behind' not in unknown['data_samples']  # guessed, for the image as it is


def test_cameras_that_stay_with_what_a_host_does():
    """Guessed for the mirrored image; after a resize to the same size, whose scale of 1 replaces that of ours."""
    pytest.importorskip('mmseg')
    pack = TRANSFORMS.build(dict(type='mmvd.PackRGBDInputs'))
    flip = dict(type='mmseg.RandomFlip', prob=1.0)
    none = {key: value for key, value in sample(gt_seg_map=np.zeros((H, W), np.uint8)).items() if key != 'intrinsics'}
    resize = dict(type='mmvd.RGBDResize', size=(H // 2, W // 2))
    again = dict(type='mmseg.Resize', scale=(W // 2, H // 2))
    for start, steps in ((none, [flip, dict(type='mmvd.GuessIntrinsics')]), (sample(), [resize, again])):
        data = dict(start, seg_fields=[key for key in ('depth', 'gt_seg_map') if key in start])
        for step in steps:
            data = TRANSFORMS.build(step)(data)
        assert 'camera_left_behind' not in pack(data)['data_samples']


def test_a_guessed_camera_moves_along():
    data = {key: value for key, value in sample().items() if key != 'intrinsics'}
    for step in ('mmvd.GuessIntrinsics', 'mmvd.RGBDResize'):
        data = TRANSFORMS.build(dict(type=step, **({'size': (30, 40)} if 'Resize' in step else {})))(data)
    packed = TRANSFORMS.build(dict(type='mmvd.PackRGBDInputs'))(data)['data_samples']
    assert packed.intrinsics[0, 2] == pytest.approx((W / 2 + 0.5) / 2 - 0.5)  # as guess_camera counts
    assert 'camera_left_behind' not in packed


def test_an_image_that_comes_to_the_size_of_its_depth(tmp_path):
    """As in ScanNet: labels and boxes are those of the larger colour image."""
    rows = np.arange(2 * H, dtype=np.uint8)[:, None].repeat(2 * W, 1)
    cv2.imwrite(str(tmp_path / 'd.png'), np.full((H, W), 1000, np.uint16))
    data = dict(img=np.repeat(rows[..., None], 3, 2), gt_seg_map=rows, img_path='x.png', ori_shape=(2 * H, 2 * W))
    data.update(depth_path=str(tmp_path / 'd.png'), sample_idx=KeyedIndex(0, 0, 0), intrinsics=CAMERA)
    loaded = TRANSFORMS.build(dict(type='mmvd.LoadDepth', decoder='mm16', resize_image=True))(data)
    assert loaded['scale_factor'] == (0.5, 0.5) and loaded['camera_of'][0] == (H, W)
    mirrored = TRANSFORMS.build(dict(type='mmvd.RGBDRandomFlip', horizontal=0, vertical=1.0))(dict(loaded))
    np.testing.assert_array_equal(mirrored['gt_seg_map'], rows[::-1])  # at any size
    crop = TRANSFORMS.build(dict(type='mmvd.RGBDRandomCrop', size=(20, 30)))
    with pytest.raises(SampleError, match=r'gt_seg_map is \(120, 160\) but the image is \(60, 80\): put mmvd.RGBDRes'):
        crop(dict(loaded))
    out = crop(TRANSFORMS.build(dict(type='mmvd.RGBDResize', size=(H, W)))(dict(loaded)))
    assert np.abs(out['gt_seg_map'].astype(int) - out['img'][..., 0]).max() <= 1


def test_boxes_to_find_poses_in_are_not_cut():
    queries = dict(bboxes=np.zeros((0, 4), np.float32), labels=np.zeros(0, np.int64), scores=np.zeros(0, np.float32))
    for step in (dict(type='mmvd.RGBDCenterCrop', size=40), dict(type='mmvd.RGBDRandomFlip', horizontal=1.0)):
        with pytest.raises(ConfigError, match='6D poses'):
            TRANSFORMS.build(step)(sample(queries=queries, instances=[]))


def test_a_camera_after_a_zoom_into_the_original_size():
    pytest.importorskip('mmseg')
    data = dict(sample(gt_seg_map=np.zeros((H, W), np.uint8)), seg_fields=['depth', 'gt_seg_map'])
    for step in (
        dict(type='mmseg.Resize', scale=(2 * W, 2 * H), keep_ratio=True),
        dict(type='mmseg.RandomCrop', crop_size=(H, W)),
    ):
        data = TRANSFORMS.build(step)(data)
    assert data['img'].shape[:2] == (H, W)
    assert TRANSFORMS.build(dict(type='mmvd.PackRGBDInputs'))(data)['data_samples'].camera_left_behind


def test_boxes_of_an_image_that_comes_to_the_size_of_its_depth(tmp_path):
    boxes_of = pytest.importorskip('mmdet.structures.bbox')
    np.save(tmp_path / 'd.npy', np.full((H, W), 2, np.float32))
    load = TRANSFORMS.build(dict(type='mmvd.LoadDepth', decoder='npy', resize_image=True))
    large = dict(img=np.zeros((2 * H, 2 * W, 3), np.uint8), depth_path=str(tmp_path / 'd.npy'), img_path='x.png')
    boxes = boxes_of.HorizontalBoxes(np.array([[20, 20, 120, 66]], np.float32))
    out = load(dict(large, gt_bboxes=boxes, gt_bboxes_labels=np.array([1])))
    np.testing.assert_allclose(out['gt_bboxes'].tensor, [[10, 10, 60, 33]], atol=1e-4)
    late = dict(load(dict(large)), gt_bboxes=boxes, gt_bboxes_labels=np.array([1]))
    flip = TRANSFORMS.build(dict(type='mmvd.RGBDRandomFlip', horizontal=1.0))
    with pytest.raises(ConfigError, match='put LoadAnnotations before it'):
        flip(dict(late, sample_idx=KeyedIndex(0, 0, 0)))
    flip(dict(load(dict(large)), sample_idx=KeyedIndex(0, 0, 0)))  # at test boxes come after, of the original image
