"""Segmentation panels: RGB | depth | truth (where known) | prediction, classes as colours with their names."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from .panels import cell_aspect, figure_picture, show_depth

_OPACITY = 0.6
_MOST_NAMES = 12


def overlay(rgb: np.ndarray, labels: np.ndarray, palette: np.ndarray, ignore_index: int = 255) -> np.ndarray:
    """Lay class colours over an image: (H, W, 3) uint8 and (H, W) labels -> (H, W, 3) uint8.

    Ignored pixels stay as they are.
    """
    known = labels != ignore_index
    colours = palette[np.where(known, labels, 0)]
    mixed = (1 - _OPACITY) * rgb + _OPACITY * colours
    return np.where(known[..., None], mixed, rgb).round().astype(np.uint8)


def segmentation_panel(
    rgb: np.ndarray,
    depth_m: np.ndarray,
    truth: np.ndarray | None,
    prediction: np.ndarray,
    classes: tuple[str, ...],
    palette: list,
) -> np.ndarray:
    """Draw one image.

    Args:
        rgb: (H, W, 3) uint8, RGB order.
        depth_m: (H, W) metres, 0 = missing (drawn grey).
        truth: (H, W) labels, 255 = none; None where nothing is known (one's own camera).
        prediction: (H, W) labels.
        classes: Names.
        palette: RGB colours, 0 to 255.

    Returns:
        (h, w, 3) uint8 picture, RGB order.
    """
    colours = np.asarray(palette)
    height, width = prediction.shape
    maps = dict(truth=truth, prediction=prediction) if truth is not None else dict(prediction=prediction)
    figure = Figure(figsize=(3 * (2 + len(maps)), 2.9 * cell_aspect(height, width) + 0.9), layout='constrained')
    axes = figure.subplots(1, 2 + len(maps))
    axes[0].imshow(rgb)
    shown = show_depth(axes[1], depth_m)
    for axis, labels in zip(axes[2:], maps.values(), strict=True):
        axis.imshow(overlay(rgb, labels, colours))
    for axis, title in zip(axes, ('RGB', 'depth', *maps), strict=True):
        axis.set(title=title, xticks=[], yticks=[])
    figure.colorbar(shown, ax=axes[1], label='depth [m]', shrink=0.7)
    labels = np.concatenate([each.ravel() for each in maps.values()])
    present, counts = np.unique(labels[labels != 255], return_counts=True)
    names = present[np.argsort(-counts)][:_MOST_NAMES]
    figure.legend(
        handles=[Patch(color=colours[i] / 255, label=classes[i]) for i in names],
        loc='outside lower center',
        ncols=6,
        fontsize='small',
    )
    return figure_picture(figure)
