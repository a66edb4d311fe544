"""Many frames at a glance."""

import matplotlib
import numpy as np

_PER_ROW = 4


def contact_sheet(rgb: np.ndarray, depth: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Rows of RGB, depth and class map, four frames wide.

    Args:
        rgb: (B, H, W, 3) uint8, RGB order.
        depth: (B, H, W) metres, 0 = missing (black).
        classes: (B, H, W) integer labels.

    Returns:
        (h, w, 3) uint8 picture, RGB order.
    """
    turbo, palette = matplotlib.colormaps['turbo'], matplotlib.colormaps['tab20']
    depth_rgb = (turbo(depth / max(depth.max(), 1e-6))[..., :3] * 255 * (depth > 0)[..., None]).astype(np.uint8)
    class_rgb = (palette(classes)[..., :3] * 255).astype(np.uint8)
    rows = -(-len(rgb) // _PER_ROW)
    frames = np.zeros((rows * _PER_ROW, 3, *rgb.shape[1:]), np.uint8)
    frames[: len(rgb)] = np.stack((rgb, depth_rgb, class_rgb), 1)
    cells = frames.reshape(rows, _PER_ROW, 3, *rgb.shape[1:]).transpose(0, 2, 3, 1, 4, 5)
    return cells.reshape(rows * 3 * rgb.shape[1], _PER_ROW * rgb.shape[2], 3)
