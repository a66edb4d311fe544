"""What counts as a measurement, and how a map is brought into the range that an encoding can tell apart."""

import torch
from torch import Tensor

HEADROOM = 0.95  # share of the range that may be used: at its end the coarsest wave looks like missing depth


def clean_depth(depth: Tensor) -> Tensor:
    """Set everything that is no measurement to 0.

    Args:
        depth: Depth in metres, any shape and dtype; NaN, infinite, zero and negative values mean missing.

    Returns:
        Same shape, float64 for float64 input and float32 for all else (half precision steps are 8 mm at 10 m); missing
        = 0.
    """
    depth = depth if depth.dtype == torch.float64 else depth.float()
    return depth.nan_to_num(0.0, 0.0, 0.0).clamp(min=0)


def range_factor(depth: Tensor, max_depth: float, headroom: float = HEADROOM) -> Tensor:
    """Factor that brings over-range maps to ``headroom * max_depth``.

    A depth of exactly ``max_depth`` is one full turn of the coarsest wave and looks like missing depth, hence the
    headroom (the authors' code; the paper says 15 m where this gives 14.25 m).

    Args:
        depth: (B, 1, H, W) metres, 0 = missing.
        max_depth: Range of the encoding in metres.
        headroom: Share of the range that may be used.

    Returns:
        (B,) factor, at most 1; 1 where the map is within range or empty.
    """
    farthest = clean_depth(depth).flatten(1).amax(1)
    limit = headroom * max_depth
    return torch.where(farthest > limit, limit / farthest.clamp(min=limit), torch.ones_like(farthest))
