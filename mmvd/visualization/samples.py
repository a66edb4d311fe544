"""Samples as the model sees them, and histograms of their depth."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from .panels import save_figure

_BINS = 60


class Objects(NamedTuple):
    """Objects in an image.

    Attributes:
        rgb: (H, W, 3) uint8.
        boxes: x1, y1, x2, y2 of each, pixels.
        names: What each is.
    """

    rgb: np.ndarray
    boxes: Sequence[tuple[float, float, float, float]]
    names: Sequence[str]


def samples_picture(
    samples: Sequence[Mapping[str, np.ndarray | Objects]], titles: Sequence[str], path: str | Path
) -> None:
    """Draw a row per sample and a column per thing, and save them as PNG.

    Args:
        samples: By name: (H, W, 3) uint8 RGB; (H, W) float, metres where the name begins with "depth" (0 = missing,
            drawn grey), else channels of an encoding; (H, W) bool masks; (H, W) integer labels; :class:`Objects`. A
            sample may lack some.
        titles: A line for each sample, or several.
        path: PNG.
    """
    names = list(dict.fromkeys(name for sample in samples for name in sample))
    figure = Figure(figsize=(2.4 * len(names), 2.3 * len(samples)), layout='constrained')
    axes = figure.subplots(len(samples), len(names), squeeze=False)
    for row, sample, title in zip(axes, samples, titles, strict=True):
        for axis, name in zip(row, names, strict=True):
            axis.set(xticks=[], yticks=[])
            if name in sample:
                _show(axis, name, sample[name])
            else:
                axis.set_axis_off()
        row[0].set_ylabel(title, fontsize=7)
    for axis, name in zip(axes[0], names, strict=True):
        axis.set_title(axis.get_title() or name, fontsize=9)
    save_figure(figure, path, 90)


def _show(axis: Axes, name: str, values: np.ndarray | Objects) -> None:
    if isinstance(values, Objects):
        _show_objects(axis, values)
    elif values.dtype == np.uint8 and values.ndim == 3:
        axis.imshow(values)
    elif values.dtype == bool:
        axis.imshow(values, 'gray', vmin=0, vmax=1)
    elif values.dtype.kind in 'iu':
        axis.imshow(values % 20, 'tab20', vmin=0, vmax=20, interpolation='nearest')
    elif name.startswith('depth'):
        known = np.ma.masked_less_equal(values, 0)
        axis.set_facecolor('lightgrey')
        axis.imshow(known, 'turbo', interpolation='nearest')
        if known.count():
            axis.set_xlabel(f'{known.min():.2f} to {known.max():.2f} m, {known.count() / known.size:.0%}', fontsize=7)
    else:
        axis.imshow(values, 'coolwarm', interpolation='nearest')
        axis.set_xlabel(f'{values.min():.2f} to {values.max():.2f}', fontsize=7)


def _show_objects(axis: Axes, objects: Objects) -> None:
    axis.imshow(objects.rgb)
    for (x1, y1, x2, y2), name, colour in zip(
        objects.boxes, objects.names, cycle(colormaps['tab10'].colors), strict=False
    ):
        axis.add_patch(Rectangle((x1 - 0.5, y1 - 0.5), x2 - x1, y2 - y1, fill=False, edgecolor=colour))
        back = dict(facecolor=colour, linewidth=0, pad=0.5)
        axis.text(x1, y1, name, fontsize=5, color='white', va='top', clip_on=True, bbox=back)


def depth_histograms(depths: Mapping[str, Sequence[np.ndarray]], path: str | Path) -> None:
    """Draw how depth and density of several datasets are distributed, in one figure, and save it as PNG.

    Args:
        depths: By dataset: maps (H, W) in metres, 0 = missing.
        path: PNG.
    """
    figure = Figure(figsize=(13, 4.5), layout='constrained')
    left, right = figure.subplots(1, 2)
    farthest = max((depth.max(initial=0) for maps in depths.values() for depth in maps), default=1)
    edges = np.geomspace(0.05, max(farthest, 0.1), _BINS)
    for (name, maps), colour in zip(depths.items(), cycle(colormaps['tab20'].colors), strict=False):
        valid = np.concatenate([depth[depth > 0] for depth in maps])
        share = np.histogram(valid, edges)[0] / max(len(valid), 1)
        label = f'{name}: {valid.mean():.2f} m' if len(valid) else f'{name}: no depth'
        left.stairs(share, edges, label=label, color=colour)
        dense = np.histogram([(depth > 0).mean() for depth in maps], np.linspace(0, 1, 21))
        right.stairs(dense[0] / len(maps), dense[1], color=colour)
    left.set(xscale='log', xlabel='depth [m]', ylabel='share of the pixels with depth')
    right.set(xlabel='share of the pixels with depth', ylabel='share of the samples')
    figure.legend(fontsize=7, loc='outside right center', title='mean depth', title_fontsize=7)
    save_figure(figure, path, 100)
