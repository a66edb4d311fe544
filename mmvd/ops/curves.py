"""Area under a curve of errors over densities."""

from collections.abc import Sequence

import numpy as np


def auc(thresholds: Sequence[float], values: Sequence[float]) -> tuple[float, float]:
    """Area under the piecewise linear curve through the points, and that area divided by the width of the grid.

    The paper reports "mean AUC RMSE" without saying which of the two; both are given.

    Args:
        thresholds: At least two strictly monotonic numbers, e.g. kept densities.
        values: As many values, in any unit.

    Returns:
        Area in (unit of values x unit of thresholds), and area / width in the unit of the values. NaN if a value is
        NaN.

    Raises:
        ValueError: If the lengths differ, fewer than two points are given or the thresholds are not monotonic.
    """
    x, y = np.asarray(thresholds, dtype=np.float64), np.asarray(values, dtype=np.float64)
    if x.ndim != 1 or x.shape != y.shape or len(x) < 2:
        raise ValueError(
            f'thresholds and values must be two lists of equal length >= 2, got shapes {x.shape} and {y.shape}'
        )
    steps = np.diff(x)
    if not (np.all(steps > 0) or np.all(steps < 0)):
        raise ValueError(f'thresholds must be strictly monotonic, got {list(thresholds)}')
    area = float(np.sum(steps * (y[1:] + y[:-1]) / 2) * np.sign(steps[0]))
    return area, area / float(abs(x[-1] - x[0]))
