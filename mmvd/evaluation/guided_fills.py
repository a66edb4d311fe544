"""Classic completions of a depth map that follow the edges of its image."""

import math

import cv2
import numpy as np

_SIGMA_COLOUR, _NEIGHBOURS = 12.0, 16  # of 255; measured pixels that have a say
_FLATNESS = (0.02 * 255) ** 2  # variance of grey below which a window counts as flat


def joint_bilateral_fill(depth: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Each missing pixel takes the mean of the 16 nearest measured ones, weighted by distance and colour.

    The spatial Gaussian is as wide as the measured pixels lie apart, the one of colour has a standard deviation of 12
    of 255 per channel (Petschnigg et al. 2004, Kopf et al. 2007; choice of this implementation).

    Args:
        depth: (H, W) metres, 0 = missing, not all of it.
        image: (H, W, 3) uint8.

    Returns:
        (H, W) metres.
    """
    from scipy.spatial import cKDTree  # slow to import

    measured, missing = np.argwhere(depth > 0), np.argwhere(depth <= 0)
    filled = depth.copy()
    if not len(missing):
        return filled
    distance, nearest = cKDTree(measured).query(missing, min(_NEIGHBOURS, len(measured)))
    distance, nearest = distance.reshape(len(missing), -1), nearest.reshape(len(missing), -1)
    rows, columns = measured[nearest].transpose(2, 0, 1)
    change = image[rows, columns].astype(np.float32) - image[tuple(missing.T)].astype(np.float32)[:, None]
    exponent = (distance / _spacing_px(depth)) ** 2 + (change**2).sum(-1) / _SIGMA_COLOUR**2
    weight = np.exp(-0.5 * (exponent - exponent.min(1, keepdims=True)))  # the best neighbour always has weight 1
    filled[tuple(missing.T)] = (weight * depth[rows, columns]).sum(1) / weight.sum(1)
    return filled


def guided_fill(depth: np.ndarray, image: np.ndarray) -> np.ndarray:
    """In each window depth is a linear function of grey, fitted to its measured pixels (He et al. 2010).

    Windows reach twice as far as the measured pixels lie apart, and each pixel takes the mean of those around it; where
    nothing is in reach, the mean of all. Measured pixels stay (choice of this implementation).

    Args:
        depth: (H, W) metres, 0 = missing, not all of it.
        image: (H, W, 3) uint8.

    Returns:
        (H, W) metres.
    """
    grey = image.astype(np.float64).mean(-1)
    known = (depth > 0).astype(np.float64)
    mean_m = depth[depth > 0].mean(dtype=np.float64)
    side = 2 * math.ceil(2 * _spacing_px(depth)) + 1

    def window(values: np.ndarray) -> np.ndarray:
        return cv2.boxFilter(values, cv2.CV_64F, (side, side), normalize=True, borderType=cv2.BORDER_REFLECT)

    share = np.maximum(window(known), 1e-12)
    deviation = (depth - mean_m) * known
    grey_mean, depth_mean = window(grey * known) / share, window(deviation) / share
    variance = window(grey**2 * known) / share - grey_mean**2
    slope = (window(grey * deviation) / share - grey_mean * depth_mean) / (np.maximum(variance, 0) + _FLATNESS)
    offset = depth_mean - slope * grey_mean
    fitted = (window(slope * share) * grey + window(offset * share)) / np.maximum(window(share), 1e-12)
    return np.where(depth > 0, depth, np.maximum(fitted + mean_m, 0)).astype(depth.dtype)


def _spacing_px(depth: np.ndarray) -> float:
    """How far measured pixels lie apart on average."""
    return math.sqrt(depth.size / np.count_nonzero(depth > 0))
