"""What an active depth camera makes of exact depth."""

import torch
import torch.nn.functional as F
from torch import Tensor

from mmvd.ops import fold, pixel_noise

_STREAM = 300
MIN_RANGE_M, MAX_RANGE_M = 0.3, 8.0
NOISE_PER_M2 = 2.5e-3  # standard deviation grows with the square of the distance
_GRAZING_COSINE, _DARK_ALBEDO, _EDGE_STEP = 0.2, 0.08, 0.06


def sense(keys: Tensor, depth: Tensor, cosine: Tensor, albedo: Tensor, shiny: Tensor) -> Tensor:
    """Drop and disturb depth as a structured-light or time-of-flight camera does.

    Missing at grazing angles, on dark or shiny surfaces, at depth edges and out of range; the rest gets noise that
    grows with the square of the distance. Choice of this implementation.

    Args:
        keys: (B,) int64.
        depth: (B, H, W) exact metres.
        cosine: (B, H, W) cosine between surface normal and line of sight.
        albedo: (B, H, W, 3) in 0..1.
        shiny: (B, H, W) bool.

    Returns:
        (B, H, W) metres, 0 = missing.
    """
    luck = pixel_noise(tuple(depth.shape), fold(keys, _STREAM))
    near = -F.max_pool2d(-depth[:, None], 3, 1, 1)[:, 0]
    far = F.max_pool2d(depth[:, None], 3, 1, 1)[:, 0]
    edge = (far - near) > _EDGE_STEP * depth
    grazing = cosine < _GRAZING_COSINE * (0.5 + luck)
    dark = albedo.mean(-1) < _DARK_ALBEDO * (0.5 + luck)
    lost = edge & (luck < 0.7) | grazing | dark | shiny & (luck < 0.8) | (depth < MIN_RANGE_M) | (depth > MAX_RANGE_M)
    spread = (
        pixel_noise(tuple(depth.shape), fold(keys, _STREAM + 1))
        + pixel_noise(tuple(depth.shape), fold(keys, _STREAM + 2))
        - 1
    )
    noisy = depth + spread * 6**0.5 * NOISE_PER_M2 * depth**2  # the sum of two uniforms has variance 1/6
    return torch.where(lost, torch.zeros_like(depth), noisy.clamp(min=MIN_RANGE_M))
