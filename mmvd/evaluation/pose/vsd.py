"""BOP's visible surface discrepancy."""

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np

TAUS = tuple(np.arange(0.05, 0.51, 0.05).tolist())  # shares of the diameter, to the last bit those of BOP's toolkit

Renderer = Callable[[np.ndarray, np.ndarray, np.ndarray, tuple[int, int]], np.ndarray]


def vsd(
    R: np.ndarray,
    t: np.ndarray,
    R_gt: np.ndarray,
    t_gt: np.ndarray,
    renderer: Renderer,
    depth_test: np.ndarray,
    K: np.ndarray,
    delta: float = 15.0,
    taus: Sequence[float] = TAUS,
    *,
    diameter: float,
) -> np.ndarray:
    """Share of the visible surface that the estimate misses, for each tolerance.

    All depth here is the distance from the camera's centre, not along its axis.

    Args:
        R: (3, 3) estimated rotation, object to camera.
        t: (3,) estimated translation in mm.
        R_gt: (3, 3) true rotation.
        t_gt: (3,) true translation in mm.
        renderer: From (R, t, K, (height, width)) to (H, W) depth of the object along the axis in mm, 0 = nothing.
        depth_test: (H, W) depth of the test image along the axis in mm, 0 = missing.
        K: (3, 3) intrinsics of the test image.
        delta: Tolerance of visibility in mm (ITODD: 5).
        taus: Tolerances of the surface as shares of ``diameter``.
        diameter: Of the object in mm.

    Returns:
        (len(taus),) between 0 and 1; 1 if the estimate is not finite or lies behind the camera.
    """
    if not (np.isfinite(R).all() and np.isfinite(t).all()) or t[2] <= 0:
        return np.ones(len(taus))
    shape = depth_test.shape
    rays = _ray_lengths(np.asarray(K, np.float64).tobytes(), shape)
    test, truth = depth_test * rays, renderer(R_gt, t_gt, K, shape) * rays
    estimate = renderer(R, t, K, shape) * rays
    is_free = test == 0
    visible_truth = (truth > 0) & (is_free | (truth <= test + delta))
    visible = (estimate > 0) & (is_free | (estimate <= test + delta) | visible_truth)
    both, union = visible_truth & visible, visible_truth | visible
    count = union.sum()
    if not count:
        return np.ones(len(taus))
    apart = np.abs(truth[both] - estimate[both])
    wrong = np.array([(apart >= tau * diameter).sum() for tau in taus])
    return (wrong + count - both.sum()) / count


@lru_cache(8)
def _ray_lengths(of_camera: bytes, shape: tuple[int, int]) -> np.ndarray:
    """(H, W) distance from the camera's centre per unit of depth; pixel centres at integers."""
    K = np.frombuffer(of_camera).reshape(3, 3)
    v, u = np.mgrid[: shape[0], : shape[1]].astype(np.float64)
    x, y = (u - K[0, 2]) / K[0, 0], (v - K[1, 2]) / K[1, 1]
    return np.sqrt(x**2 + y**2 + 1)
