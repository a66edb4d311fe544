"""Errors as curves."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure


def curves_picture(
    rows: Sequence[dict], axes: Mapping[str, str], path: str | Path, dashed: Collection[str] = ()
) -> None:
    """Draw error curves, a field per axis and a line per method, and save them as PNG.

    Args:
        rows: Dicts with ``method``, ``axis``, ``value`` and ``unscaled_removed_rmse_mm``, as
            :func:`mmvd.evaluation.completion_curves.completion_curves` gives them.
        axes: Labels of the axes to draw, by name.
        path: PNG.
        dashed: Methods whose lines are dashed.
    """
    figure = Figure(figsize=(5 * len(axes), 4), layout='constrained')
    fields = figure.subplots(1, len(axes), squeeze=False, sharey=True)[0]
    for field, (axis, label) in zip(fields, axes.items(), strict=True):
        for method in dict.fromkeys(row['method'] for row in rows):
            own = [row for row in rows if (row['method'], row['axis']) == (method, axis)]
            values = [[row[key] for row in own] for key in ('value', 'unscaled_removed_rmse_mm')]
            field.plot(*values, marker='o', markersize=3, linestyle='--' if method in dashed else '-', label=method)
        field.set(xlabel=label, yscale='log', xscale='log' if axis == 'scale' else 'linear')
        field.grid(alpha=0.3, which='both')
    fields[0].set_ylabel('RMSE of removed pixels / scale [mm]')
    fields[0].legend()
    figure.savefig(path, dpi=110)
