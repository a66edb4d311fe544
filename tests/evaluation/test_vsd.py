"""VSD and the renderer against a z-buffer and closed forms."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

trimesh = pytest.importorskip('trimesh')
pytest.importorskip('embreex')

from mmvd.errors import SampleError  # noqa: E402
from mmvd.evaluation.pose import MeshRenderer, load_mesh, symmetry_transforms, vsd  # noqa: E402
from mmvd.evaluation.pose.scores import THETAS  # noqa: E402
from mmvd.evaluation.pose.vsd import TAUS  # noqa: E402
from tests.zbuffer import render  # noqa: E402

K = np.array([[250.0, 0, 79.5], [0, 260, 59.5], [0, 0, 1]])
SHAPE = (120, 160)
FAR = np.array([40.0, -20, 900])
ONE = np.eye(3)


@pytest.fixture(scope='module')
def box():
    return MeshRenderer(trimesh.creation.box((200, 150, 100)))


def test_tolerances_are_those_of_bops_toolkit():
    """0.3 is a ratio of pixels that occurs, and 6 x 0.05 is a hair above it."""
    assert TAUS == tuple(np.arange(0.05, 0.51, 0.05)) == THETAS and TAUS[5] == 0.3


@pytest.mark.parametrize('far_mm', [1e19, 1e20, 1e25, 3e38])
def test_estimates_out_of_all_bounds_see_nothing(box, far_mm):
    assert not box(ONE, np.array([far_mm, 0, 900]), K, SHAPE).any()
    assert not box(ONE, np.array([0, -far_mm, 900]), K, SHAPE).any()


@pytest.mark.parametrize('kind', ['box', 'torus', 'cut by the border'])
def test_renderer_and_z_buffer_agree(kind):
    mesh = trimesh.creation.box((200, 150, 100)) if kind != 'torus' else trimesh.creation.torus(90, 40, 24, 24)
    t = FAR if kind != 'cut by the border' else FAR + [280, 0, 0]
    R = Rotation.random(random_state=1).as_matrix()
    found, expected = MeshRenderer(mesh)(R, t, K, SHAPE), render(mesh.vertices, mesh.faces, R, t, K, SHAPE)
    both = (found > 0) & (expected > 0)
    assert both.sum() > 200 and ((found > 0) != (expected > 0)).sum() <= 2  # rays through an edge
    np.testing.assert_allclose(found[both], expected[both], rtol=1e-6)
    assert (
        not MeshRenderer(mesh)(R, -FAR, K, SHAPE).any() and not MeshRenderer(mesh)(R, FAR * [99, 1, 1], K, SHAPE).any()
    )


def test_a_plane_facing_the_camera(box):
    depth = box(ONE, np.array([0.0, 0, 900]), K, SHAPE)
    np.testing.assert_allclose(depth[depth > 0], 850)  # along the axis, not the distance
    v, u = np.nonzero(depth)
    assert (u.min(), u.max()) == (51, 108)  # 79.5 +- 250 * 100 / 850


def score(box, R=ONE, t=FAR, depth=None, **kwargs):
    depth = np.zeros(SHAPE) if depth is None else depth  # 0: every surface counts as visible
    return vsd(R, t, ONE, FAR, box, depth, K, diameter=269.0, **kwargs)


def test_faces_are_told_of_what_is_seen_alone(box):
    for t in (np.array([0, 0, 800.0]), np.array([0, 0, -800.0])):  # before the camera, behind it
        depth, faces = box.surface(ONE, t, K, SHAPE)
        assert ((faces == -1) == (depth == 0)).all() and (depth > 0).any() == (t[2] > 0)
        assert faces.max() < len(box.mesh.faces)


def test_the_same_pose_and_disjoint_poses(box):
    assert (score(box) == 0).all() and (score(box, t=FAR + [0, 200, 0]) == 1).all()
    assert (score(box, t=-FAR) == 1).all() and (score(box, t=np.full(3, np.nan)) == 1).all()
    half = Rotation.from_euler('z', 180, degrees=True).as_matrix()
    assert (score(box, R=half) <= 0.01).all()  # looks the same


def test_tolerances_are_shares_of_the_diameter(box):
    errors = score(box, t=FAR * (1 + 20 / 900))  # 20 mm along the axis, 22 mm farther at most
    assert errors[0] > 0.9 and (errors[1:] < 0.1).all()  # tau 13.5 mm, 26.9 mm, ...


def test_occluders_hide_the_surface_beyond_delta(box):
    near = box(ONE, FAR, K, SHAPE)
    rays = np.sqrt(1 + ((np.mgrid[:120, :160][1] - 79.5) / 250) ** 2 + ((np.mgrid[:120, :160][0] - 59.5) / 260) ** 2)
    for gap, hidden in ((14.0, False), (16.0, True)):  # of distance, delta is 15 mm
        occluder = near - gap / rays * (near > 0)
        errors = vsd(ONE, FAR, ONE, FAR, box, occluder, K, diameter=269.0)
        assert (errors == (1 if hidden else 0)).all()  # nothing is visible: the union is empty
    assert not (vsd(ONE, FAR, ONE, FAR, box, near * 0.9, K, delta=200.0, diameter=269.0)).any()


def test_what_the_estimate_hides_of_the_truth_counts_as_visible(box):
    scene = box(ONE, FAR, K, SHAPE)
    behind = vsd(ONE, FAR * 1.05, ONE, FAR, box, scene, K, diameter=269.0)  # 45 mm behind the measured surface
    assert behind[0] > 0.9 and behind[-1] < 0.2


def test_meshes_that_are_none(tmp_path):
    trimesh.creation.box((0.2, 0.2, 0.1)).export(tmp_path / 'metres.ply')
    with pytest.raises(SampleError, match='is the mesh in metres?'):
        load_mesh(tmp_path / 'metres.ply', 300.0)
    (tmp_path / 'no.ply').write_bytes(b'ply\nformat ascii 1.0\n')
    with pytest.raises(SampleError, match='no readable mesh'):
        load_mesh(tmp_path / 'no.ply')
    with pytest.raises(SampleError, match='no readable mesh'):
        load_mesh(tmp_path / 'none.ply')
    assert len(load_mesh(tmp_path / 'metres.ply').faces) == 12
    whole = (tmp_path / 'metres.ply').read_bytes()
    for point in (-1, 1 << 26):  # of 8
        (tmp_path / 'metres.ply').write_bytes(whole[:-4] + point.to_bytes(4, 'little', signed=True))
        with pytest.raises(SampleError, match=f'metres.ply: a face names point {point} of 8'):
            load_mesh(tmp_path / 'metres.ply')


def test_a_real_mesh(test_data):
    mesh = load_mesh(test_data / 'lmo/obj_000005.ply')
    R = Rotation.random(random_state=3).as_matrix()
    t = np.array([0, 0, 700.0])
    found = MeshRenderer(mesh)(R, t, K, SHAPE)
    assert 500 < (found > 0).sum() < 6000 and 550 < found[found > 0].min() < 700
    assert (vsd(R, t, R, t, MeshRenderer(mesh), np.zeros(SHAPE), K, diameter=201.4) == 0).all()
    assert symmetry_transforms({}).shape == (1, 4, 4)


def test_a_surface_as_far_off_as_the_tolerance_is_wrong():
    def wall(R, t, K, shape):
        return np.full(shape, t[2])

    place, off = np.array([0, 0, 100.0]), np.array([0, 0, 110.0])
    found = vsd(ONE, off, ONE, place, wall, np.full((1, 1), 100.0), ONE, taus=[0.1, 0.11], diameter=100)
    assert found.tolist() == [1, 0]  # as in BOP's toolkit
