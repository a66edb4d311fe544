"""From errors to scores: BOP's average recall, PoseCNN's area under the curve."""

from collections.abc import Sequence

import numpy as np

from mmvd.arguments import check_choice


def match(errors: np.ndarray, threshold: float) -> list[tuple[int, int]]:
    """BOP's assignment: in the order of the rows, each estimate takes the free truth with the least error below.

    Args:
        errors: (E, G) errors of the estimates, best scored first, to the truths of one object in one image.
        threshold: Errors must be smaller.

    Returns:
        Pairs of estimate and truth.
    """
    free, pairs = np.ones(errors.shape[1], bool), []
    for row, values in enumerate(errors):
        known = np.where(free & (values < threshold), values, np.inf)
        column = int(known.argmin()) if len(known) else 0
        if len(known) and np.isfinite(known[column]):
            free[column] = False
            pairs.append((row, column))
    return pairs


def average_recall(errors: Sequence[np.ndarray], counts: Sequence[int], thresholds: Sequence[float]) -> float:
    """Share of the targets that are found, averaged over thresholds; misses cost.

    Args:
        errors: For each object in an image (E, G) or (E, G, T) errors of its estimates, best scored first, to its
            truths, most visible first; T stands for several tolerances, which are averaged, too.
        counts: For each of them how many instances are to be found: so many estimates and truths count.
        thresholds: Errors must be smaller.

    Returns:
        0 to 1; NaN if nothing is to be found.
    """
    total, recalls = sum(counts), []
    cut = [(e if e.ndim == 3 else e[..., None])[:n, :n] for e, n in zip(errors, counts, strict=True)]
    layers = max((e.shape[2] for e in cut), default=1)
    for threshold in thresholds:
        for layer in range(layers):
            recalls.append(sum(len(match(e[..., layer], threshold)) for e in cut))
    return float(np.mean(recalls) / total) if total else float('nan')


def area_under_curve(errors_mm: Sequence[float], limit_mm: float = 100.0, rule: str = 'exact') -> float:
    """Area under accuracy against threshold, 0 to 100; infinite errors and NaN are misses.

    Args:
        errors_mm: One error for each target.
        limit_mm: Largest threshold (PoseCNN: 0.1 m).
        rule: ``'exact'``, the mean of max(0, 1 - error / limit), or ``'posecnn'``, PoseCNN's rectangles, whose height
            is that of their right side: up to 100 / N too much.

    Returns:
        Percent; NaN if there is no target.

    Raises:
        ConfigError: If there is no such rule.
    """
    check_choice('area_under_curve', 'rule', rule, ('exact', 'posecnn'))
    values = np.nan_to_num(np.asarray(errors_mm, np.float64), nan=np.inf, posinf=np.inf)
    if not values.size:
        return float('nan')
    if rule == 'exact':
        return float(100 * np.clip(1 - values / limit_mm, 0, None).mean())
    found = np.sort(values[values <= limit_mm])
    edges = np.concatenate(([0.0], found, [limit_mm]))
    accuracy = np.concatenate((np.arange(1, len(found) + 1), [len(found)])) / len(values)
    return float(100 * (np.diff(edges) * accuracy).sum() / limit_mm)
