"""Completion panels: RGB | input | prediction | truth | error, depth with one metric colour bar."""

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

_TITLES = ('RGB', 'input', 'prediction', 'truth', 'error')


def completion_panel(
    rgb: np.ndarray, input_depth: np.ndarray, pred_depth: np.ndarray, gt_depth: np.ndarray
) -> np.ndarray:
    """Draw one row per density.

    Args:
        rgb: (H, W, 3) uint8, RGB order.
        input_depth: (D, H, W) metres, 0 = missing (drawn grey).
        pred_depth: (D, H, W) metres.
        gt_depth: (H, W) metres, 0 = missing.

    Returns:
        (h, w, 3) uint8 picture, RGB order.
    """
    rows, (height, width) = len(input_depth), gt_depth.shape
    valid = gt_depth > 0
    near, far = np.percentile(gt_depth[valid], (1, 99)) if valid.any() else (0, 1)
    colours = matplotlib.colormaps['turbo'].with_extremes(bad='lightgrey')
    figure = Figure(figsize=(13, rows * 2.4 * height / width + 0.7), layout='constrained')
    axes = figure.subplots(rows, 5, squeeze=False)
    error_limit = max(0.1 * (far - near), 1e-3)
    for row in range(rows):
        kept = (input_depth[row] > 0).sum() / max(valid.sum(), 1)
        axes[row, 0].imshow(rgb)
        for column, depth in ((1, input_depth[row]), (2, pred_depth[row]), (3, gt_depth)):
            depths = axes[row, column].imshow(
                np.ma.masked_less_equal(depth, 0), colours, vmin=near, vmax=far, interpolation='nearest'
            )
        error = np.ma.masked_array(np.abs(pred_depth[row] - gt_depth), ~valid)
        errors = axes[row, 4].imshow(error, 'magma', vmin=0, vmax=error_limit, interpolation='nearest')
        axes[row, 1].set_ylabel(f'{kept:.0%} kept')
    for axis, title in zip(axes[0], _TITLES, strict=True):
        axis.set_title(title)
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
    figure.colorbar(
        depths, ax=axes[:, :4].tolist()[0] if rows == 1 else axes[:, :4], label='depth [m]', shrink=0.8, pad=0.01
    )
    figure.colorbar(errors, ax=axes[:, 4], label='absolute error [m]', shrink=0.8, extend='max')
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
