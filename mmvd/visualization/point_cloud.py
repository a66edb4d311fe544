"""Point clouds of depth maps."""

import math
from collections.abc import Sequence

import numpy as np

_GUESSED_VIEW = math.radians(60)  # horizontal: between phones (65) and depth cameras (55 to 70)
_COLOURS = ('red', 'green', 'blue')
_VERTEX = np.dtype([(axis, '<f4') for axis in 'xyz'] + [(colour, 'u1') for colour in _COLOURS])


def guess_intrinsics(height: int, width: int) -> tuple[float, float, float, float]:
    """``(fx, fy, cx, cy)`` in pixels of a camera with a horizontal view of 60 degrees and its centre in the middle."""
    focal = width / 2 / math.tan(_GUESSED_VIEW / 2)
    return focal, focal, (width - 1) / 2, (height - 1) / 2


def to_points(depth_m: np.ndarray, intrinsics: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """Pixels with depth as points of the camera's frame: x right, y down, z forward.

    Args:
        depth_m: (H, W) metres along the optical axis, 0 = missing.
        intrinsics: ``(fx, fy, cx, cy)`` in pixels.

    Returns:
        (N, 3) float32 metres, and their (N,) places in the flattened map.
    """
    fx, fy, cx, cy = intrinsics
    v, u = np.nonzero(depth_m > 0)
    z = depth_m[v, u].astype(np.float64)
    points = np.stack(((u - cx) * z / fx, (v - cy) * z / fy, z), axis=1)
    return points.astype(np.float32), v * depth_m.shape[1] + u


def ply_bytes(depth_m: np.ndarray, rgb: np.ndarray, intrinsics: Sequence[float]) -> bytes:
    """Content of a binary PLY file of a depth map, coloured by its image.

    Args:
        depth_m: (H, W) metres, 0 = missing (left out).
        rgb: (H, W, 3) uint8, RGB order.
        intrinsics: ``(fx, fy, cx, cy)`` in pixels.
    """
    points, places = to_points(depth_m, intrinsics)
    vertices = np.empty(len(points), _VERTEX)
    for index, axis in enumerate('xyz'):
        vertices[axis] = points[:, index]
    for index, colour in enumerate(_COLOURS):
        vertices[colour] = rgb.reshape(-1, 3)[places, index]
    lines = ['ply', 'format binary_little_endian 1.0', f'element vertex {len(points)}']
    lines += [f'property float {axis}' for axis in 'xyz'] + [f'property uchar {colour}' for colour in _COLOURS]
    return '\n'.join([*lines, 'end_header\n']).encode() + vertices.tobytes()
