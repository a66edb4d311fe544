"""Completions of a depth map without a network."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import cv2
import numpy as np
from torch import Tensor

from .guided_fills import guided_fill, joint_bilateral_fill

_AT_ONCE = 4  # maps: the bilateral filter takes a third of a GiB for each of 640 x 480


def nearest_fill(depth: np.ndarray) -> np.ndarray:
    """Each missing pixel takes the nearest measured one: (H, W) metres -> (H, W) metres."""
    missing = (depth <= 0).astype(np.uint8)
    _, labels = cv2.distanceTransformWithLabels(missing, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL)
    values = np.zeros(labels.max() + 1, depth.dtype)
    values[labels[missing == 0]] = depth[missing == 0]
    return values[labels]


def inpaint(depth: np.ndarray) -> np.ndarray:
    """OpenCV's inpainting (Navier-Stokes; its Telea is wrong on floats) of the missing pixels.

    (H, W) metres -> (H, W) metres.
    """
    return cv2.inpaint(depth.astype(np.float32), (depth <= 0).astype(np.uint8), 3, cv2.INPAINT_NS)


def linear_fill(depth: np.ndarray) -> np.ndarray:
    """SciPy's linear interpolation between measured pixels; outside of their hull the nearest one.

    (H, W) metres -> (H, W) metres.
    """
    from scipy.interpolate import LinearNDInterpolator  # slow to import
    from scipy.spatial import QhullError

    measured, missing = np.argwhere(depth > 0), np.argwhere(depth <= 0)
    filled = nearest_fill(depth)
    if len(missing) and len(measured) > 2:
        with suppress(QhullError):  # all on one line: there is no triangle
            values = LinearNDInterpolator(measured, depth[depth > 0])(missing)
            inside = np.isfinite(values)
            filled[tuple(missing[inside].T)] = values[inside]
    return filled


def mean_fill(depth: np.ndarray) -> np.ndarray:
    """Each missing pixel takes the mean of the measured ones: (H, W) metres -> (H, W) metres."""
    return np.where(depth > 0, depth, depth[depth > 0].mean())


BASELINES: dict[str, Callable[..., np.ndarray]] = dict(
    nearest=nearest_fill,
    inpaint=inpaint,
    linear=linear_fill,
    bilateral=joint_bilateral_fill,
    guided=guided_fill,
    mean=mean_fill,
)
READ_THE_IMAGE = ('bilateral', 'guided')


def complete_maps(name: str, depths: Sequence[np.ndarray], images: Sequence[Tensor | None]) -> np.ndarray:
    """Complete maps of one size without a network, several at a time: SciPy and OpenCV let other threads run.

    Args:
        name: One of :data:`BASELINES`.
        depths: N maps as :func:`complete_with` takes them.
        images: The image of each.

    Returns:
        (N, H, W) metres.
    """
    pairs = list(zip(depths, images, strict=True))
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return np.stack(list(pool.map(lambda pair: complete_with(name, *pair), pairs)))


def complete_with(name: str, depth: np.ndarray, image: Tensor | None) -> np.ndarray:
    """Complete without a network.

    Args:
        name: One of :data:`BASELINES`.
        depth: (H, W) metres, 0 = missing; an empty map stays empty, there is nothing to fill it with.
        image: (3, h, w) uint8, not larger than the map, whose corner is its own; only for those that read it.

    Returns:
        (H, W) metres.
    """
    if not (depth > 0).any():
        return depth
    if name not in READ_THE_IMAGE:
        return BASELINES[name](depth)
    pixels = image.permute(1, 2, 0).cpu().numpy()
    below = [(0, full - own) for full, own in zip(depth.shape, pixels.shape[:2], strict=True)]
    return BASELINES[name](depth, np.pad(pixels, (*below, (0, 0)), mode='edge'))
