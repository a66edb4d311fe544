"""Distances between two poses of an object that need no rendering. Millimetres, pixels, degrees; float64."""

import numpy as np
from scipy.spatial import cKDTree

from mmvd.datasets.cameras import project

_AT_ONCE = 1 << 22  # numbers of a temporary array


def add(R: np.ndarray, t: np.ndarray, R_gt: np.ndarray, t_gt: np.ndarray, points: np.ndarray) -> float:
    """ADD: mean distance of the object's points between both poses.

    Args:
        R: (3, 3) estimated rotation, object to camera.
        t: (3,) estimated translation in mm.
        R_gt: (3, 3) true rotation.
        t_gt: (3,) true translation in mm.
        points: (N, 3) points of the object in mm.

    Returns:
        Millimetres; infinite if the estimate is not finite.
    """
    if not _finite(R, t):
        return np.inf
    return float(np.linalg.norm(points @ (R - R_gt).T + (t - t_gt), axis=1).mean())


def adds(R: np.ndarray, t: np.ndarray, R_gt: np.ndarray, t_gt: np.ndarray, points: np.ndarray) -> float:
    """ADD-S (ADI): mean distance of each true point to the nearest estimated one; arguments as in :func:`add`."""
    if not _finite(R, t):
        return np.inf
    estimated, true = points @ R.T + t, points @ R_gt.T + t_gt
    return float(cKDTree(estimated).query(true, workers=-1)[0].mean())


def mssd(
    R: np.ndarray, t: np.ndarray, R_gt: np.ndarray, t_gt: np.ndarray, points: np.ndarray, symmetries: np.ndarray
) -> float:
    """BOP's maximum symmetry-aware surface distance: the smallest, over symmetries, largest distance of a point.

    Args:
        R: (3, 3) estimated rotation, object to camera.
        t: (3,) estimated translation in mm.
        R_gt: (3, 3) true rotation.
        t_gt: (3,) true translation in mm.
        points: (N, 3) in mm; those of the convex hull are enough, the largest distance lies there.
        symmetries: (S, 4, 4) of :func:`symmetry_transforms`.

    Returns:
        Millimetres; infinite if the estimate is not finite.
    """
    if not _finite(R, t):
        return np.inf
    estimated = points @ R.T + t
    best = np.inf
    for some in _some(symmetries, len(points)):
        true = _all_poses(R_gt, t_gt, some, points)
        best = min(best, float(((estimated - true) ** 2).sum(-1).max(1).min()))
    return best**0.5


def mspd(
    R: np.ndarray,
    t: np.ndarray,
    R_gt: np.ndarray,
    t_gt: np.ndarray,
    points: np.ndarray,
    symmetries: np.ndarray,
    K: np.ndarray,
) -> float:
    """BOP's maximum symmetry-aware projection distance, in pixels of the image of ``K``: (3, 3); else as :func:`mssd`.

    Infinite as well if a point of the estimate lies beside or behind the camera.
    """
    if not _finite(R, t):
        return np.inf
    estimated = points @ R.T + t
    if estimated[:, 2].min() <= 0:
        return np.inf
    seen, best = project(estimated, K), np.inf
    for some in _some(symmetries, len(points)):
        true = project(_all_poses(R_gt, t_gt, some, points), K)
        best = min(best, float(((seen - true) ** 2).sum(-1).max(1).min()))
    return best**0.5


def rotation_error_deg(R: np.ndarray, R_gt: np.ndarray, symmetries: np.ndarray | None = None) -> float:
    """Angle between two rotations in degrees, the smallest over (S, 4, 4) symmetries where there are some."""
    if not np.isfinite(R).all():
        return np.inf
    return float(_angles_deg(R, R_gt, np.eye(4)[None] if symmetries is None else symmetries).min())


def translation_error(
    R: np.ndarray, t: np.ndarray, R_gt: np.ndarray, t_gt: np.ndarray, symmetries: np.ndarray
) -> float:
    """Distance of the translations in mm, where the object looks as it does and is turned least; as :func:`mssd`."""
    if not _finite(R, t):
        return np.inf
    nearest = symmetries[int(_angles_deg(R, R_gt, symmetries).argmin())]
    return float(np.linalg.norm(t - R_gt @ nearest[:3, 3] - t_gt))


def _angles_deg(R: np.ndarray, R_gt: np.ndarray, symmetries: np.ndarray) -> np.ndarray:
    between = R.T @ R_gt @ symmetries[:, :3, :3]
    trace = np.trace(between, axis1=1, axis2=2)
    skew = np.stack([between[:, i, j] - between[:, j, i] for i, j in ((2, 1), (0, 2), (1, 0))], -1)
    return np.degrees(np.arctan2(np.linalg.norm(skew, axis=-1), trace - 1))


def _finite(R: np.ndarray, t: np.ndarray) -> bool:
    return bool(np.isfinite(R).all() and np.isfinite(t).all())


def _all_poses(R: np.ndarray, t: np.ndarray, symmetries: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(S, N, 3) points in camera coordinates, the object moved by each symmetry before."""
    turns, shifts = R @ symmetries[:, :3, :3], symmetries[:, :3, 3] @ R.T + t
    return points @ turns.transpose(0, 2, 1) + shifts[:, None]


def _some(symmetries: np.ndarray, points: int) -> list[np.ndarray]:
    count = max(_AT_ONCE // max(3 * points, 1), 1)
    return [symmetries[start : start + count] for start in range(0, len(symmetries), count)]
