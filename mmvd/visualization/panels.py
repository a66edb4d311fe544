"""Completion panels: RGB | input | prediction, with a truth also truth | error; depth with one metric colour bar."""

import io
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mmvd.saving import AtomicLocalBackend

_LONGEST = 4  # times the shorter side
_TITLES = ('RGB', 'input', 'prediction', 'truth', 'error')


def completion_panel(
    rgb: np.ndarray, input_depth: np.ndarray, pred_depth: np.ndarray, gt_depth: np.ndarray | None = None
) -> np.ndarray:
    """Draw one row per density.

    Args:
        rgb: (H, W, 3) uint8, RGB order.
        input_depth: (D, H, W) metres, 0 = missing (drawn grey).
        pred_depth: (D, H, W) metres.
        gt_depth: (H, W) metres, 0 = missing; None where nothing is known (one's own camera).

    Returns:
        (h, w, 3) uint8 picture, RGB order.
    """
    has_truth = gt_depth is not None
    rows, (height, width) = len(input_depth), rgb.shape[:2]
    scale = gt_depth if has_truth else np.concatenate((input_depth, pred_depth))
    near, far = depth_limits(scale)
    columns = 5 if has_truth else 3
    figure = Figure(figsize=(2.6 * columns, rows * 2.4 * cell_aspect(height, width) + 0.7), layout='constrained')
    axes = figure.subplots(rows, columns, squeeze=False)
    for row in range(rows):
        axes[row, 0].imshow(rgb)
        maps = [input_depth[row], pred_depth[row], *([gt_depth] if has_truth else [])]
        for axis, depth in zip(axes[row, 1:], maps, strict=False):
            shown = show_depth(axis, depth, (near, far))
        if has_truth:
            errors = _show_error(axes[row, 4], pred_depth[row], gt_depth, max(0.1 * (far - near), 1e-3))
        known = (gt_depth > 0).sum() if has_truth else height * width
        share = (input_depth[row] > 0).sum() / max(known, 1)
        axes[row, 1].set_ylabel(f'{share:.0%} {"kept" if has_truth else "known"}')
    for axis, title in zip(axes[0], _TITLES, strict=False):
        axis.set_title(title)
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
    left = axes[:, :4] if has_truth else axes
    figure.colorbar(shown, ax=left.tolist()[0] if rows == 1 else left, label='depth [m]', shrink=0.8, pad=0.01)
    if has_truth:
        figure.colorbar(errors, ax=axes[:, 4], label='absolute error [m]', shrink=0.8, extend='max')
    return figure_picture(figure)


def cell_aspect(height: int, width: int) -> float:
    """Height of an image's place in a figure over its width: a strip of pixels makes no picture of gigabytes."""
    return min(max(height / width, 1 / _LONGEST), _LONGEST)


def depth_limits(depth_m: np.ndarray) -> tuple[float, float]:
    """Near and far end of a colour scale in metres; stray points are far off."""
    return tuple(np.percentile(depth_m[depth_m > 0], (1, 99))) if (depth_m > 0).any() else (0.0, 1.0)


def show_depth(axis, depth_m: np.ndarray, limits: tuple[float, float] | None = None):
    """Draw (H, W) metres, grey where it is missing, between limits in metres or its own."""
    near, far = limits or depth_limits(depth_m)
    colours = matplotlib.colormaps['turbo'].with_extremes(bad='lightgrey')
    return axis.imshow(np.ma.masked_less_equal(depth_m, 0), colours, vmin=near, vmax=far, interpolation='nearest')


def _show_error(axis, pred_depth: np.ndarray, gt_depth: np.ndarray, limit: float):
    error = np.ma.masked_array(np.abs(pred_depth - gt_depth), gt_depth <= 0)
    return axis.imshow(error, 'magma', vmin=0, vmax=limit, interpolation='nearest')


def rgbd_panel(rgb: np.ndarray, depth_m: np.ndarray, title: str) -> np.ndarray:
    """Draw image and depth side by side under a title.

    Args:
        rgb: (H, W, 3) uint8, RGB order.
        depth_m: (H, W) metres, 0 = missing (drawn grey).
        title: What was found.

    Returns:
        (h, w, 3) uint8 picture, RGB order.
    """
    height, width = depth_m.shape
    figure = Figure(figsize=(7, 3.2 * cell_aspect(height, width) + 0.7), layout='constrained')
    axes = figure.subplots(1, 2)
    axes[0].imshow(rgb)
    figure.colorbar(show_depth(axes[1], depth_m), ax=axes[1], label='depth [m]', shrink=0.8)
    for axis in axes:
        axis.set(xticks=[], yticks=[])
    figure.suptitle(title)
    return figure_picture(figure)


def figure_picture(figure: Figure) -> np.ndarray:
    """A drawn figure as (h, w, 3) uint8, RGB order."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def save_figure(figure: Figure, path: str | Path, dpi: int) -> None:
    """Write a figure as PNG, whole or not at all.

    Raises:
        SavingError: If the disk is full or the folder cannot be written.
    """
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=dpi, format='png')
    AtomicLocalBackend().put(drawn.getvalue(), path)
