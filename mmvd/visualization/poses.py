"""Poses drawn over an image: the outlines of meshes."""

from collections.abc import Sequence

import cv2
import numpy as np

from mmvd.datasets.cameras import rescale_intrinsics
from mmvd.datasets.meshes import MeshRenderer

TRUTH, ESTIMATE = (60, 220, 60), (230, 40, 200)
_SMALLEST = 480  # pixels of the longer side of a picture


def pose_picture(
    rgb: np.ndarray, poses: Sequence[tuple[MeshRenderer, np.ndarray, np.ndarray, tuple]], K: np.ndarray, title: str = ''
) -> np.ndarray:
    """Draw the outlines of objects.

    Args:
        rgb: (H, W, 3) uint8.
        poses: For each outline renderer of the mesh, (3, 3) rotation, (3,) translation in mm and colour; truths are
            green by habit (``TRUTH``), estimates magenta (``ESTIMATE``).
        K: (3, 3) intrinsics.
        title: A line at the top.

    Returns:
        (H', W', 3) uint8 RGB, enlarged if it is small.
    """
    factor = max(round(_SMALLEST / max(rgb.shape[:2])), 1)
    shape = (rgb.shape[0] * factor, rgb.shape[1] * factor)
    picture = cv2.resize(rgb, shape[::-1], interpolation=cv2.INTER_LINEAR)
    large = rescale_intrinsics(K, factor, factor)
    for renderer, R, t, colour in poses:
        if not (np.isfinite(R).all() and np.isfinite(t).all()):
            continue
        mask = (renderer(R, t, large, shape) > 0).astype(np.uint8)
        outlines, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(picture, outlines, -1, colour, 1, cv2.LINE_AA)
    if title:
        cv2.putText(picture, title, (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (0, 0, 0), 3, cv2.LINE_AA)
        cv2.putText(picture, title, (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (255, 255, 255), 1, cv2.LINE_AA)
    return picture
