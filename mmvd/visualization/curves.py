"""Errors as curves."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from .panels import save_figure

_MOST_COLUMNS = 4
_BY_FACTORS = ('scale', 'density')  # drawn by their logarithm, where nothing is 0
_LABELS = dict(
    unscaled_removed_rmse_mm='RMSE of removed pixels / scale [mm]',
    median_removed_rmse_mm='median RMSE of removed pixels [mm]',
)


def curves_picture(
    rows: Sequence[dict],
    fields: Mapping[tuple[str, str], str],
    path: str | Path,
    dashed: Collection[str] = (),
    quantity: str = 'unscaled_removed_rmse_mm',
) -> None:
    """Draw error curves, a field per axis and pattern and a line per method, and save them as PNG.

    Args:
        rows: Dicts with ``method``, ``axis``, ``pattern``, ``value`` and ``quantity``, as
            :func:`mmvd.evaluation.completion_curves.completion_curves` gives them.
        fields: Labels of what is drawn, by axis and pattern.
        path: PNG.
        dashed: Methods whose lines are dashed.
        quantity: What is drawn: ``'unscaled_removed_rmse_mm'`` or ``'median_removed_rmse_mm'``.
    """
    columns = min(len(fields), _MOST_COLUMNS)
    rows_of_fields = -(-len(fields) // columns)
    figure = Figure(figsize=(5 * columns, 4 * rows_of_fields), layout='constrained')
    plots = figure.subplots(rows_of_fields, columns, squeeze=False, sharey=True)
    for plot in plots.flat[len(fields) :]:
        plot.set_visible(False)
    for plot, ((axis, pattern), label) in zip(plots.flat, fields.items(), strict=False):
        for method in dict.fromkeys(row['method'] for row in rows):
            own = [row for row in rows if (row['method'], row['axis'], row['pattern']) == (method, axis, pattern)]
            values = [[row[key] for row in own] for key in ('value', quantity)]
            plot.plot(*values, marker='o', markersize=3, linestyle='--' if method in dashed else '-', label=method)
        positive = all(row['value'] > 0 for row in rows if row['axis'] == axis)
        plot.set(xlabel=label, yscale='log', xscale='log' if axis in _BY_FACTORS and positive else 'linear')
        plot.yaxis.set_major_formatter('{x:g}')
        plot.yaxis.set_minor_formatter('{x:g}')
        plot.grid(alpha=0.3, which='both')
    for plot in plots[:, 0]:
        plot.set_ylabel(_LABELS[quantity])
    figure.legend(*plots[0, 0].get_legend_handles_labels(), loc='outside right upper')
    save_figure(figure, path, 110)
