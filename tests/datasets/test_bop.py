"""BOP with poses: boxes, masks, models and targets are kept, and what is wrong in them is named."""

import json

import numpy as np
import pytest

from mmvd.datasets.bop_files import check_rotation, read_models_info
from mmvd.datasets.rasters import read_labels
from mmvd.errors import ConfigError, MissingInputsError, SampleError
from mmvd.registry import DATASETS
from tests.conftest import logged
from tests.fabricate import fabricate_bop
from tests.planes import drawing, mark_m, mark_px
from tools.dataset_converters.prepare import prepare


@pytest.fixture
def root(tmp_path):
    fabricate_bop(tmp_path / 'test/000002', 3)
    return tmp_path


def build(root, **changes):
    return DATASETS.build(dict(type='mmvd.BOPPoseDataset', data_root=str(root), split='test', pipeline=[]) | changes)


BOX_MM = dict(diameter=173.2, min_x=-50, min_y=-50, min_z=-50, size_x=100, size_y=100, size_z=100)


def change(path, *keys, to=None, drop=False):
    """Change one value of a JSON file."""
    content = json.loads(path.read_text())
    inner = content
    for key in keys[:-1]:
        inner = inner[key]
    if drop:
        del inner[keys[-1]]
    else:
        inner[keys[-1]] = to
    path.write_text(json.dumps(content))
    read_models_info.cache_clear()


def test_poses_boxes_and_masks(root):
    dataset = build(root)
    assert len(dataset) == 3 and dataset.metainfo['classes'] == ('obj_000001',) and dataset.metainfo['obj_ids'] == (1,)
    for number in range(3):
        entry = dataset.get_data_info(number)
        (found,) = entry['instances']
        assert (entry['scene_id'], entry['image_id'], found['obj_id'], found['bbox_label']) == (2, number, 1, 0)
        np.testing.assert_allclose(np.array(found['translation_mm']) / 1000, mark_m(number))
        x1, y1, x2, y2 = found['bbox_visib']
        np.testing.assert_allclose([(x1 + x2 - 1) / 2, (y1 + y2 - 1) / 2], mark_px(drawing(number)))
        for kind in ('mask_path', 'mask_visib_path'):
            mask = read_labels(found[kind]) > 0
            assert mask[int(y1) : int(y2), int(x1) : int(x2)].all() and mask.sum() == 25


def test_what_is_no_image_is_left_alone(root):
    (image, *_) = sorted((root / 'test/000002/rgb').iterdir())
    image.with_suffix('.txt').write_text('a note')
    assert len(build(root)) == 3


def test_targets_and_objects(root):
    (root / 'targets.json').write_text(json.dumps([dict(scene_id=2, im_id=1, obj_id=1, inst_count=1)]))
    dataset = build(root, targets='targets.json')
    assert [dataset.get_data_info(i)['image_id'] for i in range(len(dataset))] == [1]
    told = str(DATASETS.get('BOPPoseDataset').missing(dict(data_root=root, split='test', targets='none.json')))
    assert told.startswith(
        f'{root}/none.json (no such file); made by: the official archives, in place or unpacked into '
    )
    with pytest.raises(ConfigError, match='objects=.3.* must be different ids of 1'):
        build(root, objects=[3])
    infinite = '[{"scene_id": 2, "im_id": 1, "obj_id": 1, "inst_count": Infinity}]'
    for content in ('[{"scene_id": 2}]', '{}'[:1], '[1]', '[]', '{}', infinite, infinite.replace('Infinity', '-3')):
        (root / 'targets.json').write_text(content)
        with pytest.raises(SampleError, match='list of targets'):
            build(root, targets='targets.json')
    rows = [dict(scene_id=scene, im_id=1, obj_id=1, inst_count=1) for scene in (2, 7, 3)]
    (root / 'targets.json').write_text(json.dumps(rows))  # the archive was unpacked in part
    with pytest.raises(MissingInputsError, match='2 of 3 frames that targets.json names are not there, first 1 of .*3'):
        build(root, targets='targets.json')


def test_hidden_objects_have_no_visible_box(root):
    info = root / 'test/000002/scene_gt_info.json'
    change(info, '1', 0, to=dict(bbox_obj=[1, 1, 4, 4], bbox_visib=[-1, -1, -1, -1], visib_fract=0.0))
    assert [len(build(root).get_data_info(i)['instances']) for i in range(3)] == [1, 0, 1]
    (hidden,) = build(root, min_visib_fract=0).get_data_info(1)['instances']
    assert hidden['bbox_visib'] is None and hidden['bbox_obj'] == [1, 1, 6, 6]
    change(root / 'test/000002/scene_gt.json', '1', 0, 'cam_t_m2c', to=[0, 0, -5])  # and behind the camera
    assert [len(build(root, min_visib_fract=0).get_data_info(i)['instances']) for i in range(3)] == [1, 0, 1]


@pytest.mark.parametrize(
    ('file', 'keys', 'to', 'told'),
    [
        ('gt', ('1', 0, 'cam_R_m2c'), [1, 0, 0, 0, 1, 0, 0, 0, -1], 'frame 1, object 0: .* is a reflection'),
        ('gt', ('1', 0, 'cam_R_m2c'), [2, 0, 0, 0, 1, 0, 0, 0, 1], 'is no rotation'),
        ('gt', ('1', 0, 'cam_R_m2c'), [1, 0, 0], 'cam_R_m2c'),
        ('gt', ('1', 0, 'cam_t_m2c'), [0, 0, float('nan')], 'cam_t_m2c'),
        ('gt', ('1', 0, 'cam_t_m2c'), [0, 0, -5], 'lies behind the camera'),
        ('gt', ('1', 0, 'obj_id'), 7, 'obj_id 7 is not in models_info.json .1.'),
        ('gt', ('1',), [], 'do not list the same objects'),
        ('gt_info', ('1', 0, 'bbox_visib'), 'x', 'bbox_visib'),
        ('camera', ('1', 'cam_K'), [0, 0, 1, 0, 9, 1, 0, 0, 1], 'positive focal lengths'),
        ('camera', ('1', 'cam_K'), [9, 0, 1, 0, -9, 1, 0, 0, 1], 'positive focal lengths'),
    ],
)
def test_what_is_wrong_is_named(root, file, keys, to, told):
    change(root / f'test/000002/scene_{file}.json', *keys, to=to)
    with pytest.raises((SampleError, ConfigError), match=told):
        build(root)


@pytest.mark.parametrize(
    ('info', 'told'),
    [
        (dict(min_x=1), 'object 1: an entry of an object id with a diameter'),
        (dict(diameter=-1), 'diameter'),
        (dict(diameter=0.27), 'a diameter of 0.27 mm: is the model in metres'),
        (dict(diameter=9, min_x='a'), 'min_x'),
        (dict(diameter=9, symmetries_discrete=[[2.0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]]), 'is no rotation'),
        (dict(diameter=9, symmetries_discrete=[[-1.0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]]), 'a reflection'),
        (dict(diameter=9, symmetries_discrete=[[1, 0]]), 'symmetries_discrete'),
        (dict(BOX_MM, symmetries_discrete=[[-1, 0, 0, 0, 0, -1, 0, 0, 0, 0, 1, 0, 30, 0, 0, 1]]), 'leads out'),
        (dict(BOX_MM, symmetries_discrete=[[-1, 0, 0, 5000, 0, -1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]]), 'leads out'),
        (dict(BOX_MM, size_x=0.1, size_y=0.1, size_z=0.1), 'mm does not go with sides of'),
        (dict(BOX_MM, diameter=86.6), 'mm does not go with sides of'),
        (dict(diameter=9, symmetries_continuous=[dict(axis=[0, 0, 0], offset=[0, 0, 0])]), 'length of the axis'),
        (dict(diameter=9, symmetries_continuous=[dict(axis=[0, 0, 1])]), 'no readable symmetry'),
        (dict(BOX_MM, symmetries_continuous=[dict(axis=[0, 0, 1], offset=[0, 0, 1e9])]), 'lies far from the object'),
    ],
)
def test_models_that_are_none(root, info, told):
    change(root / 'models/models_info.json', '1', to=info)
    with pytest.raises(SampleError, match=told):
        build(root)
    (root / 'models/models_info.json').write_text('{}')
    read_models_info.cache_clear()
    with pytest.raises(SampleError, match='no object at all'):
        build(root)


def test_rotations_of_six_digits_pass():
    turned = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    check_rotation((turned * np.sign(np.linalg.det(turned))).round(6), 'x')


def test_other_objects_and_what_lies_behind(root):
    """LM-O's training images show all objects of LM, and some of them cannot be seen."""
    poses, info = root / 'test/000002/scene_gt.json', root / 'test/000002/scene_gt_info.json'
    change(poses, '1', 0, 'obj_id', to=15)
    assert [len(build(root, objects=[1]).get_data_info(i)['instances']) for i in range(3)] == [1, 0, 1]
    with pytest.raises(SampleError, match='obj_id 15 is not in models_info.json .1.: name the objects that count'):
        build(root)
    change(poses, '1', 0, 'obj_id', to=1)
    change(poses, '1', 0, 'cam_t_m2c', to=[0, 0, -5])
    change(info, '1', 0, 'visib_fract', to=0.0)
    assert not build(root).get_data_info(1)['instances']


def test_poses_in_metres_are_refused(root):
    for number in range(3):
        change(root / 'test/000002/scene_gt.json', str(number), 0, 'cam_t_m2c', to=(mark_m(number)).tolist())
    for info in (dict(diameter=173.2), BOX_MM):
        change(root / 'models/models_info.json', '1', to=info)
        with pytest.raises(SampleError, match=r'frame 0, object 1 is .* mm away, .* in metres\? .3 of 3 frames'):
            build(root)


def test_a_frame_or_two_that_are_odd_are_left_out_and_told_of(root, monkeypatch):
    told = logged(monkeypatch)
    change(root / 'models/models_info.json', '1', to=BOX_MM)
    assert len(build(root)) == 3
    for box in ([40, 30, 200, 4], [-200, 0, 4, 4]):
        change(root / 'test/000002/scene_gt_info.json', '1', 0, 'bbox_obj', to=box)
        with pytest.raises(SampleError, match='frame 1, object 1: its box goes .* of another size'):
            build(root)
    monkeypatch.setattr('mmvd.datasets.bop_pose_dataset._ODD_SHARE', 0.5)
    assert [each['image_id'] for each in map(build(root).get_data_info, range(2))] == [0, 2]
    assert '1 frames are left out, first ' in told[0]
    assert len(build(root, test_mode=True)) == 3 and '1 frames are odd, first ' in told[-1]  # no target is lost
    listed = prepare(dict(type='mmvd.BOPPoseDataset', data_root=str(root), split='test'))
    assert len(listed) == 2 and listed.data_list.left_out['count'] == 1


def test_skewed_cameras_are_refused(root):
    camera = json.loads((root / 'test/000002/scene_camera.json').read_text())['1']['cam_K']
    camera[1] = 4.0
    change(root / 'test/000002/scene_camera.json', '1', 'cam_K', to=camera)
    with pytest.raises(SampleError, match='frame 1: cam_K has a skew'):
        build(root)


def test_scenes_that_are_no_number_are_named(root):
    (root / 'test/000002').rename(root / 'test/copy')
    with pytest.raises(SampleError, match='copy: scenes of the BOP layout are named by their number'):
        build(root)


def test_further_cameras_are_told_of(root, monkeypatch):
    told = logged(monkeypatch)
    (root / 'test/000002/scene_camera_cam2.json').write_text('{}')
    assert len(build(root)) == 3 and '1 files of further cameras, first' in told[0]


def test_one_pixel_is_a_box(root):
    change(root / 'test/000002/scene_gt_info.json', '1', 0, 'bbox_visib', to=[7, 9, 0, 0])
    assert build(root).get_data_info(1)['instances'][0]['bbox_visib'] == [7, 9, 8, 10]


def test_heads_have_as_many_classes_as_there_are_objects(root):
    kind = DATASETS.get('BOPPoseDataset')
    assert kind.count_objects(dict(data_root=root)) == 1
    assert kind.count_objects(dict(data_root=root, objects=[3, 1])) == 2


def test_half_an_archive_is_told_of(root, monkeypatch):
    told = logged(monkeypatch)
    assert len(build(root)) == 3 and not told
    (root / 'test/000002/rgb/000001.png').unlink()
    assert len(build(root)) == 2 and '1 frames of 1 scenes have no image, first' in told[0]
