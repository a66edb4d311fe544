"""Segmentation panels: RGB | depth | truth | prediction, classes as colours over the image with their names."""

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch

_TITLES = ('RGB', 'depth', 'truth', 'prediction')
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
    truth: np.ndarray,
    prediction: np.ndarray,
    classes: tuple[str, ...],
    palette: list,
) -> np.ndarray:
    """Draw one image.

    Args:
        rgb: (H, W, 3) uint8, RGB order.
        depth_m: (H, W) metres, 0 = missing (drawn grey).
        truth: (H, W) labels, 255 = none.
        prediction: (H, W) labels.
        classes: Names.
        palette: RGB colours, 0 to 255.

    Returns:
        (h, w, 3) uint8 picture, RGB order.
    """
    colours = np.asarray(palette)
    height, width = truth.shape
    figure = Figure(figsize=(12, 2.9 * height / width + 0.9), layout='constrained')
    axes = figure.subplots(1, 4)
    turbo = matplotlib.colormaps['turbo'].with_extremes(bad='lightgrey')
    axes[0].imshow(rgb)
    near, far = (
        np.percentile(depth_m[depth_m > 0], (1, 99)) if (depth_m > 0).any() else (0, 1)
    )  # stray points are far off
    shown = axes[1].imshow(np.ma.masked_less_equal(depth_m, 0), turbo, vmin=near, vmax=far, interpolation='nearest')
    axes[2].imshow(overlay(rgb, truth, colours))
    axes[3].imshow(overlay(rgb, prediction, colours))
    for axis, title in zip(axes, _TITLES, strict=True):
        axis.set(title=title, xticks=[], yticks=[])
    figure.colorbar(shown, ax=axes[1], label='depth [m]', shrink=0.7)
    present, counts = np.unique(np.concatenate((truth[truth != 255], prediction.ravel())), return_counts=True)
    names = present[np.argsort(-counts)][:_MOST_NAMES]
    figure.legend(
        handles=[Patch(color=colours[i] / 255, label=classes[i]) for i in names],
        loc='outside lower center',
        ncols=6,
        fontsize='small',
    )
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
