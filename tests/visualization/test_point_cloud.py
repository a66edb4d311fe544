"""Point clouds: read back by another library."""

import io

import numpy as np
import pytest

from mmvd.visualization import guess_intrinsics, ply_bytes, to_points


def test_ply_is_read_back_by_plyfile():
    plyfile = pytest.importorskip('plyfile')
    generator = np.random.default_rng(0)
    depth_m = generator.uniform(0.5, 4, (12, 17)).astype(np.float32) * (generator.random((12, 17)) < 0.6)
    rgb = generator.integers(0, 256, (12, 17, 3), dtype=np.uint8)
    camera = (20.0, 21.0, 8.5, 5.5)
    vertices = plyfile.PlyData.read(io.BytesIO(ply_bytes(depth_m, rgb, camera)))['vertex']
    v, u = np.nonzero(depth_m)
    assert len(vertices) == len(v)
    z = np.asarray(vertices['z'], np.float64)
    np.testing.assert_allclose(z, depth_m[v, u])
    np.testing.assert_allclose(np.asarray(vertices['x']) / z * 20 + 8.5, u, atol=1e-4)  # projected back by the camera
    np.testing.assert_allclose(np.asarray(vertices['y']) / z * 21 + 5.5, v, atol=1e-4)
    colours = np.stack([vertices[name] for name in ('red', 'green', 'blue')], 1)
    np.testing.assert_array_equal(colours, rgb[v, u])


def test_the_guessed_camera_sees_sixty_degrees():
    fx, fy, cx, cy = guess_intrinsics(480, 640)
    assert fx == fy and (cx, cy) == (319.5, 239.5)
    assert 2 * np.degrees(np.arctan(320 / fx)) == pytest.approx(60)


def test_a_plane_stays_a_plane():
    camera = (50.0, 50.0, 15.5, 11.5)
    v, u = np.mgrid[:24, :32]
    normal = np.array([0.3, -0.2, 1.0])  # n . p = 2
    rays = np.stack(((u - 15.5) / 50, (v - 11.5) / 50, np.ones_like(u, float)), -1)
    points, places = to_points((2 / (rays @ normal)).astype(np.float32), camera)
    assert len(places) == 24 * 32
    np.testing.assert_allclose(points @ normal, 2, atol=1e-5)
