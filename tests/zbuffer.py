"""A z-buffer in numpy, what mesh renderings are compared with."""

import numpy as np


def render(vertices, faces, R, t, K, shape) -> np.ndarray:
    """(H, W) depth along the camera's axis of a mesh in front of the camera, 0 = nothing."""
    points = vertices @ R.T + t
    pixels = points @ K.T
    pixels = pixels[:, :2] / pixels[:, 2:]
    depth = np.full(shape, np.inf)
    for face in faces:
        corners, z = pixels[face], points[face, 2]
        low = np.maximum(np.ceil(corners.min(0)), 0).astype(int)
        high = np.minimum(np.floor(corners.max(0)), (shape[1] - 1, shape[0] - 1)).astype(int)
        if (high < low).any():
            continue
        v, u = np.mgrid[low[1] : high[1] + 1, low[0] : high[0] + 1]
        (x0, y0), (x1, y1), (x2, y2) = corners
        area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
        if area == 0:
            continue
        w1 = ((u - x0) * (y2 - y0) - (x2 - x0) * (v - y0)) / area
        w2 = ((x1 - x0) * (v - y0) - (u - x0) * (y1 - y0)) / area
        w0 = 1 - w1 - w2
        inside = (w0 >= 0) & (w1 >= 0) & (w2 >= 0)
        value = np.where(inside, 1 / np.where(inside, w0 / z[0] + w1 / z[1] + w2 / z[2], 1), np.inf)
        window = depth[low[1] : high[1] + 1, low[0] : high[0] + 1]
        np.minimum(window, value, out=window)
    return np.where(np.isfinite(depth), depth, 0)
