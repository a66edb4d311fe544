"""The built-in rooms: exact geometry against closed forms, labels that fit, determinism."""

import numpy as np
import pytest
import torch

from mmvd.datasets.rooms import CLASSES, SCENES, catalogue, render_rooms
from mmvd.datasets.rooms.layout import sample_layout
from mmvd.datasets.rooms.raycast import cast_rays, surface_at
from mmvd.datasets.rooms.render import _label, _rays
from mmvd.datasets.rooms.shading import sample_materials
from mmvd.datasets.sample_key import KeyedIndex, sample_key
from mmvd.registry import DATASETS

KEYS = torch.tensor([sample_key(3, 0, i) for i in range(6)])


@pytest.fixture(scope='module')
def rooms():
    return render_rooms(KEYS, 72, 96)


def points_in_camera(rooms):
    v, u = torch.meshgrid(torch.arange(72.0), torch.arange(96.0), indexing='ij')
    rays = torch.stack((u, v, torch.ones_like(u)), -1) @ torch.linalg.inv(rooms.intrinsics).transpose(1, 2)[:, None]
    return rays * rooms.exact_depth[..., None]


def test_floor_and_ceiling_are_where_they_belong(rooms):
    layout, points = sample_layout(KEYS), points_in_camera(rooms)
    world = (layout.camera[:, None, None, :3, :3] @ points[..., None])[..., 0] + layout.camera[:, None, None, :3, 3]
    for b in range(len(KEYS)):
        floor, ceiling = (rooms.semantic[b] == CLASSES.index(name) for name in ('floor', 'ceiling'))
        assert world[b][floor][:, 2].abs().max() < 1e-3 if floor.any() else True
        assert (world[b][ceiling][:, 2] - layout.room[b, 2]).abs().max() < 1e-3 if ceiling.any() else True
        wall = world[b][rooms.semantic[b] == 0][:, :2].abs()
        assert ((wall - layout.room[b, :2] / 2).abs().amin(1) < 1e-3).all()
    assert (rooms.semantic == 1).any()


def test_object_poses_put_points_onto_the_objects(rooms):
    """Points of a ball lie on its sphere, points of a picture within its plate, in the object's own frame."""
    layout, points = sample_layout(KEYS), points_in_camera(rooms)
    seen = 0
    for b in range(len(KEYS)):
        for o in range(rooms.object_class.shape[1]):
            here = rooms.instance[b] == o + 1
            assert here.sum() == rooms.visible_pixels[b, o]
            name = CLASSES[rooms.object_class[b, o]]
            if not here.any() or name not in ('ball', 'picture', 'board'):
                continue
            pose = rooms.object_pose[b, o]
            local = (points[b][here] - pose[:3, 3]) @ pose[:3, :3]
            half = layout.half[b, (layout.owner == o).nonzero()[0, 0]]
            if name == 'ball':
                assert (local.norm(dim=1) - half[0]).abs().max() < 2e-3
            else:
                assert ((local.abs() - half) < 2e-3).all() and ((local.abs() / half).amax(1) > 1 - 0.1).all()
            seen += 1
    assert seen >= 4


def test_normals_are_those_of_the_depth_map(rooms):
    """Of the plane through a pixel and two neighbours, and towards the camera."""
    layout = sample_layout(KEYS)
    direction = _rays(rooms.intrinsics, layout.camera, 72, 96)
    depth, what = cast_rays(layout, layout.camera[:, None, :3, 3], direction)
    point = layout.camera[:, None, :3, 3] + direction * depth[..., None]
    normal = surface_at(layout, point, what)[1]
    assert ((normal * direction).sum(-1) < 1e-4).all()
    grid, what = point.view(-1, 72, 96, 3), what.view(-1, 72, 96)
    across, down = grid[:, :-1, 1:] - grid[:, :-1, :-1], grid[:, 1:, :-1] - grid[:, :-1, :-1]
    by_hand = torch.nn.functional.normalize(torch.linalg.cross(down, across), dim=-1)
    cosine = (by_hand * normal.view(grid.shape)[:, :-1, :-1]).sum(-1)
    one_surface = (what[:, :-1, :-1] == what[:, :-1, 1:]) & (what[:, :-1, :-1] == what[:, 1:, :-1])
    is_wall = what[:, :-1, :-1] < catalogue.SURFACES
    assert (cosine[one_surface & is_wall] > 0.99).float().mean() > 0.99
    assert (cosine[one_surface & ~is_wall] > 0.99).float().mean() > 0.85  # edges of boxes have no normal


def test_rays_of_one_origin_are_rays_of_many(rooms):
    layout = sample_layout(KEYS)
    direction = _rays(rooms.intrinsics, layout.camera, 72, 96)
    eye = layout.camera[:, None, :3, 3]
    (one, what), (many, other) = (cast_rays(layout, at, direction) for at in (eye, eye.expand_as(direction)))
    torch.testing.assert_close(many, one, rtol=1e-5, atol=1e-5)
    assert (what == other).float().mean() > 0.999


def test_every_primitive_belongs_to_its_object():
    layout = sample_layout(KEYS[:1])
    what = torch.arange(catalogue.SURFACES + len(layout.owner))[None]
    material, semantic, instance = _label(layout, what)
    walls, objects = slice(None, catalogue.SURFACES), slice(catalogue.SURFACES, None)
    assert (instance[0, walls] == 0).all() and torch.equal(instance[0, objects], layout.owner + 1)
    assert torch.equal(semantic[0, objects], layout.object_class[0, layout.owner])
    assert torch.equal(material[0, objects], catalogue.SURFACES + layout.owner)


def test_depth_is_the_nearest_surface_of_a_brute_force_march(rooms):
    """Walk along some rays in small steps: nothing solid comes before the depth, something solid right behind it."""
    layout, points = sample_layout(KEYS), points_in_camera(rooms)
    camera = layout.camera
    for b in (0, 1):
        p = points[b][::9, ::9].reshape(-1, 3)
        for share, solid in ((torch.linspace(0.02, 0.995, 60), False), (torch.tensor([1.004]), True)):
            steps = (p[:, None] * share[:, None]).reshape(-1, 3) @ camera[b, :3, :3].T + camera[b, :3, 3]
            inside = _inside(layout, b, steps).view(len(p), -1).any(1)
            assert (inside == solid).float().mean() > 0.97  # rays that graze an edge may differ


def _inside(layout, b, points):
    local = ((points[None] - layout.centre[b, :, None]) @ layout.rotation[b]) / layout.half[b, :, None].clamp(min=1e-9)
    boxes = (local.abs() < 1).all(-1)
    from mmvd.datasets.rooms.layout import CYLINDER, KINDS, SPHERE

    kinds = torch.tensor(KINDS)[:, None]
    ball = local.norm(dim=-1) < 1
    tube = (local[..., :2].norm(dim=-1) < 1) & (local[..., 2].abs() < 1)
    solid = torch.where(kinds == SPHERE, ball, torch.where(kinds == CYLINDER, tube, boxes)).any(0)
    limit = torch.stack((layout.room[b, 0] / 2, layout.room[b, 1] / 2, layout.room[b, 2]))
    outside = (points[:, :2].abs() > limit[:2]).any(1) | (points[:, 2] < 0) | (points[:, 2] > limit[2])
    return solid | outside


def test_a_frame_depends_on_its_key_alone(rooms):
    one = render_rooms(KEYS[2:3], 72, 96)
    for name in ('rgb', 'depth', 'semantic', 'instance', 'object_pose', 'intrinsics'):
        torch.testing.assert_close(
            getattr(one, name)[0], getattr(rooms, name)[2], rtol=0, atol=1e-4 if name != 'rgb' else 1
        )
    assert rooms.rgb.flatten(1).unique(dim=0).shape[0] == len(KEYS)


def test_variety():
    many = render_rooms(torch.tensor([sample_key(0, 0, i) for i in range(60)]), 24, 32)
    assert set(many.semantic.unique().tolist()) == set(range(len(CLASSES)))
    assert set(many.scene.tolist()) == set(range(len(SCENES)))
    assert (
        many.exact_depth.min() > 0.03
        and many.exact_depth.max() < 12
        and many.exact_depth.flatten(1).std(1).min() > 0.02
    )


def test_sensor_drops_and_disturbs(rooms):
    sensed = render_rooms(KEYS, 72, 96, sensor=True)
    torch.testing.assert_close(sensed.exact_depth, rooms.exact_depth)
    missing = (sensed.depth == 0).flatten(1).float().mean(1)
    assert (missing > 0.005).all() and (missing < 0.9).all()
    there = sensed.depth > 0
    relative = ((sensed.depth - sensed.exact_depth) / sensed.exact_depth**2)[there]
    assert 1.5e-3 < relative.std() < 3.5e-3 and abs(relative.mean()) < 5e-4


def test_shuffled_textures_hide_the_class():
    """The class of the nearest typical colour is often right in plain rooms, and only by chance when shuffled."""
    keys = torch.tensor([sample_key(1, 0, i) for i in range(300)])
    layout, typical, hits = sample_layout(keys), catalogue.colours(), []
    for shuffle in (False, True):
        colour = sample_materials(keys, layout, shuffle).colour[:, catalogue.SURFACES :, 0]
        distance = (colour[:, :, None, None] - typical).norm(dim=-1).amin(-1)
        hits.append(float((distance.argmin(-1) == layout.object_class).float().mean()))
    assert hits[0] > 0.4 and hits[1] < 1.5 / len(CLASSES)
    plain, shuffled = (render_rooms(keys[:4], 24, 32, shuffle_textures=shuffle) for shuffle in (False, True))
    assert torch.equal(plain.exact_depth, shuffled.exact_depth) and not torch.equal(plain.rgb, shuffled.rgb)


def test_dataset():
    config = dict(
        type='mmvd.SyntheticRooms', length=5, seed=7, size=(40, 56), cache=True, sensor=True, exact_target=True
    )
    data = DATASETS.build(config)
    first, again = data.get_data_info(KeyedIndex(1, 0, 0)), DATASETS.build(config).get_data_info(1)
    for key in ('img', 'depth', 'gt_depth', 'gt_seg_map', 'gt_instance_map', 'object_pose'):
        np.testing.assert_array_equal(first[key], again[key])
    assert first['img'].dtype == np.uint8 and first['depth'].dtype == np.float32 and first['img'].shape == (40, 56, 3)
    first['depth'][:] = 0
    assert data.get_data_info(1)['depth'].max() > 0  # the cache is not handed out
    assert not np.array_equal(data.get_data_info(2)['img'], first['img'])
    with pytest.raises(IndexError):
        data[5]


def test_cached_rooms_are_the_same_and_stay_so():
    plain, cached = (
        DATASETS.build(dict(type='mmvd.SyntheticRooms', length=2, size=(40, 56), cache=cache))
        for cache in (False, True)
    )
    for _ in range(2):
        expected, found = plain.get_data_info(1), cached.get_data_info(1)
        for key, value in expected.items():
            np.testing.assert_array_equal(found[key], value, err_msg=key)
        assert found['gt_seg_map'].dtype == np.uint8 and found['gt_instance_map'].dtype == np.int32
        for key in ('img', 'depth', 'gt_seg_map', 'gt_instance_map'):
            found[key][:] = 0  # what a pipeline does to a sample
    kept = cached.render(1)
    assert sum(x.nbytes for x in (kept.rgb, kept.depth, kept.exact_depth, kept.semantic, kept.instance)) == 14 * 40 * 56
