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
    missing = -len(rgb) % _PER_ROW
    rows = []
    for start in range(0, len(rgb), _PER_ROW):
        for frames in (rgb, depth_rgb, class_rgb):
            rows.append(
                np.concatenate(np.pad(frames, ((0, missing), (0, 0), (0, 0), (0, 0)))[start : start + _PER_ROW], 1)
            )
    return np.concatenate(rows)
