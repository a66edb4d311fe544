"""Boxes and poses on their way into the model."""

import json

import numpy as np
import pytest

from mmvd.datasets.detections import queries_of
from mmvd.datasets.sample_key import KeyedIndex
from mmvd.errors import ConfigError, MissingInputsError, SampleError
from mmvd.registry import TRANSFORMS

SHAPE = (60, 80)
K = np.array([[70.0, 0, 40], [0, 70, 30], [0, 0, 1]], np.float32)


def sample(*boxes, **more):
    instances = [
        dict(
            obj_id=3, bbox_label=1, rotation=np.eye(3).flatten().tolist(), translation_mm=[10.0 * n, -20.0, 800.0],
            visib_fract=0.5, bbox_visib=box, bbox_obj=[0.0, 0, 200, 200],
        )
        for n, box in enumerate(boxes)
    ]  # fmt: skip
    found = dict(
        img=np.zeros((*SHAPE, 3), np.uint8), depth=np.ones(SHAPE, np.float32), ori_shape=SHAPE, img_shape=SHAPE,
        instances=instances, intrinsics=K.copy(), ori_intrinsics=K, sample_idx=KeyedIndex(0, 0, 0, 7), img_path='x.png',
        scene_id=2, image_id=5, obj_ids=(1, 3),
    )  # fmt: skip
    return dict(found, **more)


def apply(results, *steps):
    for step in steps:
        results = TRANSFORMS.build(step)(results)
    return results


BOXES = dict(type='mmvd.LoadAnnotatedBoxes')
PACK = dict(type='mmvd.PackRGBDInputs', packer=dict(type='mmvd.PackPoseInputs'))


def test_boxes_outside_are_left_out_and_counted():
    found = apply(sample([10.0, 5, 30, 25], [100.0, 5, 130, 25], None, [-5.0, 50, 20, 99]), BOXES)
    np.testing.assert_allclose(found['queries']['bboxes'], [[10, 5, 30, 25], [0, 50, 20, 60]])
    assert found['dropped_boxes'] == {'outside of the image or hidden': 2}
    assert [each['translation_mm'][0] for each in found['instances']] == [0, 30, 10, 20]  # those without come last
    assert found['queries']['scores'].tolist() == [0.5, 0.5]  # visible shares: of two alike the better seen one counts
    whole = apply(sample([10.0, 5, 30, 25]), dict(BOXES, box='whole'))
    np.testing.assert_allclose(whole['queries']['bboxes'], [[0, 0, 80, 60]])


def test_jitter_is_the_samples_own():
    boxes = [[20.0, 15, 50, 45]] * 200
    first, again = (apply(sample(*boxes), dict(BOXES, jitter=0.5))['queries']['bboxes'] for _ in range(2))
    other = apply(sample(*boxes, sample_idx=KeyedIndex(0, 0, 1, 8)), dict(BOXES, jitter=0.5))['queries']['bboxes']
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    moved = (first != np.array(boxes)).any(1)
    assert 70 < moved.sum() < 130
    shift = ((first[:, :2] + first[:, 2:]) / 2 - (35, 30))[moved]
    np.testing.assert_allclose(shift.std(0), (0.02 * 80, 0.02 * 60), rtol=0.2)


def test_intrinsics_and_boxes_are_resized_with_the_image():
    found = apply(sample([10.0, 5, 30, 25]), BOXES, dict(type='mmvd.RGBDResize', size=(98, 126)), PACK)
    data = found['data_samples']
    pose, camera = data.gt_instances, data.intrinsics
    point = pose.translations[0].numpy()
    before, after = K @ point, camera @ point
    factor = np.array([126 / 80, 98 / 60])
    np.testing.assert_allclose(after[:2] / after[2], (before[:2] / before[2] + 0.5) * factor - 0.5, atol=0.01)
    np.testing.assert_allclose(
        data.proposals.bboxes.numpy(), np.array([[10, 5, 30, 25]]) * np.tile(factor, 2), rtol=1e-6
    )
    assert found['inputs'].shape == (3, 98, 126) and data.ori_intrinsics is not camera
    assert (data.gt_instances.obj_ids[0], data.gt_instances.labels[0]) == (3, 1)


@pytest.mark.parametrize(
    'step',
    [
        dict(type='mmvd.RGBDRandomFlip', horizontal=0.5),
        dict(type='mmvd.RGBDRandomRotate'),
        dict(type='mmvd.RGBDCenterCrop', size=40),
        dict(type='mmvd.RGBDRandomCrop', size=(40, 40)),
        dict(type='mmvd.RGBDRandomResizedCrop', size=40),
    ],
)
def test_what_would_change_objects_is_refused(step):
    with pytest.raises(ConfigError, match='a sample with 6D poses is not mirrored, turned or cut'):
        apply(sample([10.0, 5, 30, 25]), step)


def test_what_cannot_be_packed_is_named():
    with pytest.raises(SampleError, match='3 objects where max_queries=2'):
        apply(sample(*[[10.0, 5, 30, 25]] * 3), BOXES, dict(PACK, packer=dict(PACK['packer'], max_queries=2)))
    as_many = dict(PACK, packer=dict(PACK['packer'], max_queries=3))
    assert len(apply(sample(*[[10.0, 5, 30, 25]] * 3), BOXES, as_many)['data_samples'].proposals) == 3
    large = K.copy()
    large[0, 2] = 320
    with pytest.raises(SampleError, match='principal point 320.0, 30.0 lies far from the middle of 80x60'):
        apply(sample([10.0, 5, 30, 25], intrinsics=large), BOXES, PACK)
    low = K.copy()
    low[1, 2] = 50
    with pytest.raises(SampleError, match='principal point 40.0, 50.0 lies far from the middle of 80x60'):
        apply(sample([10.0, 5, 30, 25], intrinsics=low), BOXES, PACK)
    half = K.copy()
    half[:2] /= 2
    with pytest.raises(SampleError, match='of an image of another size'):
        apply(sample([10.0, 5, 30, 25], intrinsics=half), BOXES, PACK)
    wide = dict(PACK, packer=dict(PACK['packer'], principal_point=(0.1, 0.9)))
    assert apply(sample([10.0, 5, 30, 25], intrinsics=half), BOXES, wide)['data_samples'].boxes_annotated
    with pytest.raises(SampleError, match='needs the intrinsics'):
        apply(sample([10.0, 5, 30, 25], intrinsics=None), BOXES, PACK)


def test_boxes_of_a_detector(tmp_path):
    rows = [
        dict(scene_id=2, image_id=5, category_id=3, bbox=[10, 5, 20, 20], score=0.5),
        dict(scene_id=2, image_id=5, category_id=1, bbox=[0, 0, 9, 9], score=0.9),
        dict(scene_id=2, image_id=5, category_id=7, bbox=[0, 0, 9, 9], score=0.9),
        dict(scene_id=2, image_id=5, category_id=1, bbox=[90, 0, 9, 9], score=0.8),
        dict(scene_id=1, image_id=5, category_id=1, bbox=[0, 0, 9, 9], score=0.8),
    ]
    path = tmp_path / 'boxes.json'
    path.write_text(json.dumps(rows))
    step = dict(type='mmvd.LoadDetectedBoxes', file=str(path))
    found = apply(sample([10.0, 5, 30, 25]), step, PACK)['data_samples']
    assert found.proposals.labels.tolist() == [0, 1] and found.proposals.scores.tolist() == pytest.approx([0.9, 0.5])
    elsewhere = {'of other objects': 1, 'outside of the image': 1}
    assert found.dropped_boxes == elsewhere and len(found.gt_instances) == 1
    for limit, reason in (dict(max_queries=1), 'beyond the best 1'), (dict(min_score=0.6), 'scored below 0.6'):
        limited = apply(sample(), dict(step, **limit))
        assert len(limited['queries']['labels']) == 1 and limited['dropped_boxes'] == elsewhere | {reason: 1}
    path = tmp_path / 'coco.json'
    path.write_text(json.dumps([{key: value for key, value in row.items() if key != 'scene_id'} for row in rows[:2]]))
    step_without_scenes = TRANSFORMS.build(dict(step, file=str(path)))
    assert len(step_without_scenes(sample())['queries']['labels']) == 2
    with pytest.raises(SampleError, match='its rows name no scene_id, and the images are of scenes 2 and 4'):
        step_without_scenes(sample(scene_id=4))
    with pytest.raises(SampleError, match='of scenes 2 and 4'):  # whichever images a worker gets
        apply(sample(scenes=(2, 4)), dict(step, file=str(path)))
    path = tmp_path / 'texts.json'
    path.write_text(json.dumps([dict(row, scene_id='2', image_id='5') for row in rows[:2]]))
    assert len(apply(sample(), dict(step, file=str(path)))['queries']['labels']) == 2
    path = tmp_path / 'mixed.json'
    path.write_text(json.dumps([{key: value for key, value in rows[0].items() if key != 'scene_id'}, *rows[1:]]))
    with pytest.raises(SampleError, match='mixed.json: some of its rows name a scene_id, others do not'):
        apply(sample(), dict(step, file=str(path)))
    row = '[{"bbox": [1, 2, 3, NaN], "score": 1, "image_id": 1}]'
    for number, content in enumerate(('{}', '[1]', row, row.replace('NaN', str(10**400)), 'x')):
        path = tmp_path / f'{number}.json'
        path.write_text(content if content != '{}' else '{"a": 1}')
        with pytest.raises(SampleError, match='no list of detections|no readable JSON'):
            apply(sample(), dict(step, file=str(path)))
    with pytest.raises(MissingInputsError):
        apply(sample(), dict(step, file='/none.json'))


def test_jittered_boxes_keep_their_size_on_average():
    boxes = [[20.0, 15, 50, 45]] * 200
    found = apply(sample(*boxes), dict(BOXES, jitter=1.0))['queries']['bboxes']
    sizes = found[:, 2:] - found[:, :2]
    assert abs(sizes.mean() - 30) < 1 and 20.9 < sizes.min() < 29 and 31 < sizes.max() < 39.1


def test_the_least_score_itself_counts():
    found, dropped = queries_of([(1, [0, 0, 5, 5], 0.5), (1, [0, 0, 5, 5], 0.4)], [1], (10, 10), min_score=0.5)
    assert len(found['scores']) == 1 and sum(dropped.values()) == 1
