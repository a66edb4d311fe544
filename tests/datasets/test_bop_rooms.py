"""Rooms with rigid objects in the layout of BOP: what is written is what the reader and the renderer see."""

import json
import shutil

import numpy as np
import pytest
from scipy.spatial.distance import pdist

trimesh = pytest.importorskip('trimesh')
pytest.importorskip('embreex')

from mmvd.datasets.bop_files import check_rotation, read_models_info  # noqa: E402
from mmvd.datasets.bop_writer import TARGETS, write_rooms  # noqa: E402
from mmvd.datasets.meshes import MeshRenderer, load_mesh  # noqa: E402
from mmvd.datasets.rasters import read_labels  # noqa: E402
from mmvd.datasets.rooms.rigid_objects import OBJECTS, build  # noqa: E402
from mmvd.errors import ConfigError, SampleError  # noqa: E402
from mmvd.evaluation.pose import symmetry_transforms  # noqa: E402
from mmvd.registry import DATASETS  # noqa: E402

LOAD = [dict(type='mmvd.LoadImage'), dict(type='mmvd.LoadDepth')]


def frames(root, split='train', **settings):
    return DATASETS.build(dict(type='mmvd.BOPPoseDataset', data_root=str(root), split=split, pipeline=LOAD, **settings))


def test_masks_boxes_and_visibility_are_those_of_a_rendering(bop_rooms):
    meshes = {key: load_mesh(bop_rooms / f'models/obj_{key:06d}.ply', info['diameter']) for key, info in
              read_models_info(bop_rooms / 'models').items()}  # fmt: skip
    seen = 0
    for sample in frames(bop_rooms, min_visib_fract=0.0):
        shape = sample['depth'].shape
        for each in sample['instances']:
            R, t = np.reshape(each['rotation'], (3, 3)), np.array(each['translation_mm'])
            check_rotation(R, 'x')
            depth = MeshRenderer(meshes[each['obj_id']])(R, t, sample['intrinsics'].astype(float), shape)
            whole, visible = (read_labels(each[key]) > 0 for key in ('mask_path', 'mask_visib_path'))
            assert ((depth > 0) != whole).sum() <= 2 and not (visible & ~whole).any()
            if each['bbox_visib'] is None:
                assert not visible.any()
                continue
            x1, y1, x2, y2 = map(int, each['bbox_visib'])
            rows, columns = visible.any(1).nonzero()[0], visible.any(0).nonzero()[0]
            assert (x1, y1, x2 - 1, y2 - 1) == (columns[0], rows[0], columns[-1], rows[-1])
            measured = visible & (sample['depth'] > 0)
            if measured.sum() > 20:  # through the sensor model, and a step of 0.2 mm
                assert np.abs(sample['depth'] * 1000 - depth)[measured].mean() < 15
                seen += 1
            assert whole.sum() == 0 or each['visib_fract'] <= visible.sum() / whole.sum() + 1e-6
    assert seen > 4


@pytest.mark.parametrize('factor', [0.9, 1.0, 1.125])
def test_intrinsics_of_another_image_size_are_refused(bop_rooms, tmp_path, factor):
    """Whatever the size: 640 where the image has 720 is 1.125."""
    shutil.copytree(bop_rooms, tmp_path / 'rooms')
    (path,) = (tmp_path / 'rooms/train').glob('*/scene_camera.json')
    cameras = json.loads(path.read_bytes())
    for camera in cameras.values():
        camera['cam_K'] = [*(np.array(camera['cam_K'][:6]) * factor), 0, 0, 1]
    path.write_text(json.dumps(cameras))
    if factor == 1:
        assert len(frames(tmp_path / 'rooms')) == len(cameras)
        return
    with pytest.raises(SampleError, match=r'frame \d+, object \d: its box goes \d+ pixels beyond .* another size'):
        frames(tmp_path / 'rooms')


def test_models_and_their_symmetries(bop_rooms):
    infos = read_models_info(bop_rooms / 'models')
    assert len(infos) == len(OBJECTS) == 8 and sum('symmetries_discrete' not in info for info in infos.values()) == 5
    for key, (thing, info) in enumerate(zip(OBJECTS, infos.values(), strict=True), 1):
        points = np.unique(np.asarray(build(thing)[0].vertices), axis=0)
        assert 150 < info['diameter'] < 400 and pdist(points).max() == pytest.approx(info['diameter'])
        np.testing.assert_allclose(points.min(0) + points.max(0), 0, atol=1e-6)
        mesh = load_mesh(bop_rooms / f'models/obj_{key:06d}.ply', info['diameter'])
        for motion in symmetry_transforms(info, 0.5):  # every motion lays the surface on itself
            moved = mesh.triangles_center[::29] @ motion[:3, :3].T + motion[:3, 3]
            apart = trimesh.proximity.closest_point_naive(mesh, moved)[1]
            assert apart.max() < 1.0, (thing.name, apart.max())


def test_targets_splits_and_repeatability(bop_rooms, tmp_path):
    targets = json.loads((bop_rooms / TARGETS).read_bytes())
    test = frames(bop_rooms, 'test', targets=TARGETS, min_visib_fract=0.1)
    assert sum(t['inst_count'] for t in targets) == sum(len(sample['instances']) for sample in test)
    for _ in write_rooms(tmp_path / 'again', dict(train=1, val=1, test=1), (112, 144), seed=0):
        pass
    for path in ('models/models_info.json', 'train/000001/rgb/000000.png', 'test/000003/depth/000000.png'):
        assert (tmp_path / 'again' / path).read_bytes() == (bop_rooms / path).read_bytes()
    first, other = (frames(bop_rooms, split)[0]['img'] for split in ('train', 'test'))
    assert not np.array_equal(first, other)
    with pytest.raises(ConfigError, match='holds something already'):
        next(iter(write_rooms(bop_rooms, dict(test=1))))


def test_what_was_interrupted_goes_on_and_ends_the_same(bop_rooms, tmp_path):
    arguments, out = (dict(train=4, val=2, test=3), (112, 144)), tmp_path / 'rooms'
    interrupted = write_rooms(out, *arguments)
    assert [next(interrupted) for _ in range(5)][-1] == 'val/000000'
    interrupted.close()
    with pytest.raises(ConfigError, match='holds something already: .* the options of the interrupted run'):
        next(iter(write_rooms(out, *arguments, seed=1)))
    (out / 'train/000001/depth/000002.png').unlink()
    (out / 'train/000001/mask/000001_000000.png').unlink()
    gone = ('000001.png', '000002.png')
    pictures = {path: path.stat().st_mtime_ns for path in out.glob('*/*/rgb/*') if path.name not in gone}
    assert len(pictures) == 3 and len(list(write_rooms(out, *arguments))) == 9
    assert all(path.stat().st_mtime_ns == then for path, then in pictures.items())
    there, whole = (sorted(path.relative_to(root) for path in root.rglob('*')) for root in (out, bop_rooms))
    assert there == whole
    assert all((out / path).read_bytes() == (bop_rooms / path).read_bytes() for path in whole if (out / path).is_file())


def test_one_camera_or_many(tmp_path, bop_rooms):
    for _ in write_rooms(tmp_path / 'one', dict(test=3), (56, 72), field_deg=(65.0, 65.0)):
        pass
    assert len({sample['intrinsics'][0, 0] for sample in frames(tmp_path / 'one', 'test')}) == 1
    assert len({sample['intrinsics'][0, 0] for sample in frames(bop_rooms, 'train')}) == 4
