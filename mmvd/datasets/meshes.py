"""Depth of a mesh in a pose, on the CPU, without OpenGL: trimesh and Embree."""

import io
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mmvd.errors import SampleError, needs

from .archives import read_bytes
from .cameras import project

if TYPE_CHECKING:
    import trimesh


def load_mesh(path: str | Path, diameter_mm: float | None = None) -> 'trimesh.Trimesh':
    """A :class:`trimesh.Trimesh` in millimetres.

    Args:
        path: PLY, on disk or in an archive.
        diameter_mm: What ``models_info.json`` says, to notice meshes in other units.

    Raises:
        SampleError: If it is no readable mesh, or its size does not fit.
        ConfigError: If trimesh is not installed.
    """
    trimesh = trimesh_module()
    try:
        file = io.BytesIO(read_bytes(path))
        mesh = trimesh.load(file, file_type=Path(path).suffix[1:].lower(), force='mesh', process=False)
        points, faces = np.asarray(mesh.vertices), np.asarray(mesh.faces)
    except Exception as error:  # trimesh's loaders raise whatever their libraries do
        raise SampleError(f'{path}: no readable mesh ({type(error).__name__}: {error})') from error
    if not len(points) or not len(faces) or not np.isfinite(points).all():
        raise SampleError(f'{path}: a mesh without faces, or with points that are not finite')
    beyond = faces[(faces < 0) | (faces >= len(points))]
    if len(beyond):
        raise SampleError(f'{path}: a face names point {beyond[0]} of {len(points)}: a damaged mesh, copy it again')
    if diameter_mm is not None:
        extent = float(np.linalg.norm(np.ptp(points, axis=0)))
        if not 0.5 <= extent / diameter_mm <= 2:
            raise SampleError(
                f'{path}: its box has a diagonal of {extent:.4g} where models_info.json says a diameter of '
                f'{diameter_mm:.4g} mm: is the mesh in metres?'
            )
    return mesh


class MeshRenderer:
    """Renders one mesh; rays go through the pixels of its projected box alone.

    Args:
        mesh: :class:`trimesh.Trimesh` in mm.
    """

    def __init__(self, mesh: 'trimesh.Trimesh'):
        self.mesh = mesh

    @cached_property
    def _rays(self):
        with needs('rendering of meshes', 'pose'):
            from trimesh.ray.ray_pyembree import RayMeshIntersector
        return RayMeshIntersector(self.mesh, scale_to_box=True)

    def __call__(self, R: np.ndarray, t: np.ndarray, K: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
        """Depth along the camera's axis.

        Args:
            R: (3, 3) rotation, object to camera.
            t: (3,) translation in mm.
            K: (3, 3) intrinsics; pixel centres are at integers.
            shape: (height, width).

        Returns:
            (H, W) float64 mm, 0 = nothing.
        """
        return self.surface(R, t, K, shape)[0]

    def surface(
        self, R: np.ndarray, t: np.ndarray, K: np.ndarray, shape: tuple[int, int]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Depth as :meth:`__call__` gives it, and (H, W) int64 which face is seen, -1 = none."""
        depth, faces = np.zeros(shape), np.full(shape, -1)
        window = self._window(R, t, K, shape)
        if window is None:
            return depth, faces
        left, top, right, bottom = window
        v, u = np.mgrid[top:bottom, left:right].astype(np.float64)
        rays = np.stack([(u - K[0, 2]) / K[0, 0], (v - K[1, 2]) / K[1, 1], np.ones_like(u)], -1).reshape(-1, 3)
        directions = rays @ R  # in the frame of the object
        start = -t @ R
        hit = self._rays.intersects_first(np.tile(start, (len(rays), 1)), directions)
        seen = hit >= 0
        corner = self.mesh.triangles[hit[seen], 0]
        normals = self.mesh.face_normals[hit[seen]]
        z = ((corner - start) * normals).sum(1) / (directions[seen] * normals).sum(1)  # the rays' z is 1
        flat, flat_faces = np.zeros(len(rays)), np.full(len(rays), -1)
        flat[seen], flat_faces[seen] = z, hit[seen]
        depth[top:bottom, left:right] = flat.reshape(v.shape)
        faces[top:bottom, left:right] = flat_faces.reshape(v.shape)
        return depth, faces

    def _window(self, R, t, K, shape) -> tuple[int, int, int, int] | None:
        """Pixels that may see the mesh: left, top, right, bottom; None if there are none."""
        points = np.asarray(self.mesh.bounding_box.vertices) @ R.T + t
        if points[:, 2].max() <= 0:
            return None
        if points[:, 2].min() <= 0:
            return 0, 0, shape[1], shape[0]
        pixels = project(points, K)
        low, high = np.clip([np.floor(pixels.min(0)), np.ceil(pixels.max(0)) + 1], 0, shape[::-1]).astype(int)
        return None if (high <= low).any() else (*low, *high)


def trimesh_module():
    """trimesh, which meshes alone need.

    Raises:
        ConfigError: If it is not installed.
    """
    with needs('meshes', 'pose'):
        import trimesh
    return trimesh
