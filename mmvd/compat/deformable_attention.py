"""Multi-scale deformable attention (Zhu et al. 2021) in pure PyTorch, level by level: what was sampled is not kept."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.checkpoint import checkpoint


def multi_scale_deformable_attn_pytorch(
    value: Tensor, value_spatial_shapes: Tensor, sampling_locations: Tensor, attention_weights: Tensor
) -> Tensor:
    """The numbers of mmcv's function of this name, in less memory.

    That one holds the values at all points of all levels twice, and keeps them for the backward pass: several times
    what the rest of a transformer keeps. Here each level is summed at once, and sampled again on the way back.

    Args:
        value: (B, K, M, D) of the pixels of all levels, for M heads.
        value_spatial_shapes: (L, 2) int64 heights and widths, K pixels together.
        sampling_locations: (B, Q, M, L, P, 2) x and y of the points, 0..1 from edge to edge.
        attention_weights: (B, Q, M, L, P).

    Returns:
        (B, Q, M * D).
    """
    total, again = 0, dict(use_reentrant=False, preserve_rng_state=False)
    for _, *level in levels(value, value_spatial_shapes, sampling_locations, attention_weights):
        total = total + (checkpoint(sample, *level, **again) if torch.is_grad_enabled() else sample(*level))
    return total.unflatten(0, value.shape[::2]).flatten(1, 2).transpose(1, 2).contiguous()


def levels(value: Tensor, shapes: Tensor, locations: Tensor, weights: Tensor) -> Iterator[tuple]:
    """Of each level the slice of its pixels, their values (B, M, D, h, w), its points and its weights."""
    start = 0
    for level, (height, width) in enumerate(torch.as_tensor(shapes).tolist()):  # one wait for a GPU
        pixels = slice(start, start := start + height * width)
        maps = value[:, pixels].permute(0, 2, 3, 1).unflatten(3, (height, width))
        yield pixels, maps, locations[:, :, :, level], weights[:, :, :, level]


def sample(maps: Tensor, locations: Tensor, weights: Tensor) -> Tensor:
    """(B * M, D, Q): values of one level at (B, Q, M, P, 2) points, summed by weight."""
    maps, grid, weights = maps.flatten(0, 1), *(x.transpose(1, 2).flatten(0, 1) for x in (2 * locations - 1, weights))
    return (F.grid_sample(maps, grid, align_corners=False) * weights[:, None]).sum(-1)
