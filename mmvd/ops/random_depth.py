"""Randomised depth (paper 3.2 and A.3).

Every map gets a new distribution, so that colour alone cannot tell its depth.
"""

from functools import cache, partial

import numpy as np
import torch
from torch import Tensor

from .counter_rng import choose, uniform
from .depth_range import clean_depth
from .transfer import to_device

(
    _STREAM_CASE,
    _STREAM_OFFSET,
    _STREAM_GROUP,
    _STREAM_FIRST,
    _STREAM_SECOND,
    _STREAM_JITTER,
    _STREAM_SCALE,
    _STREAM_OVER,
) = range(31, 39)
_OFFSET, _RESCALE, _SCALE, _CASES = 0, 1, 2, 4  # the fourth case leaves the depth as it was measured
MIN_DEPTH = 0.05


@cache
def _bin_table(max_depth: float) -> tuple[list[int], list[list[float]]]:
    """Bin groups of the authors' code in metres: very close, near, room, indoor, far; sizes, and rows padded with 0.

    Made on the host: bins beyond the range are dropped, and how many those are no device should be asked.
    """
    steps = partial(np.arange, dtype=np.float32)
    groups = [
        np.float32(0.055) + np.float32(0.1) * steps(10),
        np.float32(0.5) + np.float32(0.2) * steps(9),
        np.float32(0.5) * steps(1, 11),
        steps(1, 16),
        50 + 10 * steps(max(int((0.75 * max_depth - 50) // 10) + 1, 0)),
    ]
    groups = [group[group < max_depth].tolist() for group in groups]
    groups = [group for group in groups if len(group) >= 2]
    longest = max(map(len, groups))
    return [len(group) for group in groups], [group + [0.0] * (longest - len(group)) for group in groups]


def random_depth(
    depth: Tensor,
    keys: Tensor,
    max_depth: float = 15.0,
    min_depth: float = MIN_DEPTH,
    bin_jitter: float = 0.1,
    scale_jitter: float = 0.2,
    companion: Tensor | None = None,
) -> Tensor | tuple[Tensor, Tensor]:
    """Offset, rescale between two jittered bins, jitter the scale of, or keep each map, 25 % each.

    Every case is an affine map of the valid pixels, so a batch costs one multiply and add. Maps whose maximum exceeds
    0.95 max_depth are first rescaled so that it becomes max_depth * U(0.9, 1.0). Jitters are two-sided as in the paper
    (one-sided in the authors' code by a slip); constants are the authors' code.

    Args:
        depth: (B, 1, H, W) metres, 0 = missing.
        keys: (B,) int64 sample keys; a sample's draw depends on its key alone.
        max_depth: Training range in metres; larger results become missing.
        min_depth: Smaller results become missing, metres.
        bin_jitter: Relative jitter of the bins.
        scale_jitter: Relative jitter of the scale.
        companion: (B, 1, H, W) metres, another map of the same scene (a denser target), which moves by the same affine
            map.

    Returns:
        (B, 1, H, W) metres, 0 = missing where it was and where the result leaves the range; with a companion both.
    """
    with torch.autocast(depth.device.type, enabled=False):
        depth = clean_depth(depth)
        low, high, std = _statistics(depth)
        over = max_depth * (0.9 + 0.1 * uniform(keys, _STREAM_OVER))
        shrink = torch.where(high > 0.95 * max_depth, over / high.clamp(min=min_depth), torch.ones_like(high))
        scale, shift = _draw_affine(
            keys, low * shrink, high * shrink, std * shrink, max_depth, min_depth, bin_jitter, scale_jitter
        )
        scale, shift = (scale * shrink).view(-1, 1, 1, 1), shift.view(-1, 1, 1, 1)

        def move(depth: Tensor) -> Tensor:
            moved = depth * scale + shift
            inside = (depth > 0) & (moved >= min_depth * (1 - 1e-5)) & (moved <= max_depth)
            return torch.where(inside, moved, torch.zeros_like(moved))

        return move(depth) if companion is None else (move(depth), move(clean_depth(companion)))


def _statistics(depth: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Minimum, maximum and standard deviation of the valid pixels of each map; 0 for an empty one."""
    flat = depth.flatten(1)
    valid = flat > 0
    count = valid.sum(1).clamp(min=1)
    low = torch.where(valid, flat, torch.inf).amin(1)
    mean = flat.sum(1) / count
    variance = torch.where(valid, (flat - mean[:, None]) ** 2, torch.zeros_like(flat)).sum(1) / count
    return torch.where(torch.isfinite(low), low, torch.zeros_like(low)), flat.amax(1), variance.sqrt()


def _draw_affine(
    keys: Tensor,
    low: Tensor,
    high: Tensor,
    std: Tensor,
    max_depth: float,
    min_depth: float,
    bin_jitter: float,
    scale_jitter: float,
) -> tuple[Tensor, Tensor]:
    case = choose(keys, _STREAM_CASE, _CASES)
    offset = std * (2 * uniform(keys, _STREAM_OFFSET) - 1)
    offset = offset.maximum(min_depth - low)  # the nearest pixel stays at min_depth at least
    near, far = _draw_bins(keys, max_depth, min_depth, bin_jitter)
    spread = high - low
    stretch = torch.where(spread > 0, (far - near) / spread.clamp(min=1e-6), torch.ones_like(spread))
    factor = 1 + scale_jitter * (2 * uniform(keys, _STREAM_SCALE) - 1)
    scale = torch.where(case == _RESCALE, stretch, torch.where(case == _SCALE, factor, torch.ones_like(factor)))
    shift = torch.where(
        case == _RESCALE, near - low * stretch, torch.where(case == _OFFSET, offset, torch.zeros_like(offset))
    )
    return scale, shift


def _draw_bins(keys: Tensor, max_depth: float, min_depth: float, jitter: float) -> tuple[Tensor, Tensor]:
    counts, rows = _bin_table(max_depth)
    sizes, table = to_device(torch.tensor(counts), keys.device), to_device(torch.tensor(rows), keys.device)
    group = choose(keys, _STREAM_GROUP, len(counts))
    first = choose(keys, _STREAM_FIRST, sizes[group])
    step = 1 + choose(keys, _STREAM_SECOND, sizes[group] - 1)
    second = (first + step) % sizes[group]  # never the first one again
    bins = torch.stack((table[group, first.minimum(second)], table[group, first.maximum(second)]), dim=1)
    bins = bins * (1 + jitter * (2 * uniform(keys, _STREAM_JITTER, 2) - 1))
    bins = bins.clamp(min_depth, max_depth).sort(dim=1).values  # jitter may swap neighbouring bins
    return bins[:, 0], bins[:, 1]
