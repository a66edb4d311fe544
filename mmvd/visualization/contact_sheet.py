"""Many frames at a glance."""

from collections.abc import Sequence

import matplotlib
import numpy as np


def contact_sheet(rgb: np.ndarray, depth: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """RGB above depth above class map, four frames wide.

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
    return sheet(np.concatenate((rgb, depth_rgb, class_rgb), 1))


def sheet(pictures: Sequence[np.ndarray], columns: int = 4) -> np.ndarray:
    """(H, W, 3) pictures of one size side by side in rows; what lacks in the last row is white."""
    height, width = (max(picture.shape[axis] for picture in pictures) for axis in (0, 1))
    rows = -(-len(pictures) // columns)
    whole = np.full((rows * height, columns * width, 3), 255, np.uint8)
    for number, picture in enumerate(pictures):
        top, left = number // columns * height, number % columns * width
        whole[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    return whole
