"""Feature maps at the strides that a head reads."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

# What a head makes of a map's cells, given its number, before they are resized: a 1 x 1 convolution commutes with that
Projection = Callable[[int, Tensor], Tensor]


def pad_to_cells(x: Tensor, cell: int) -> Tensor:
    """Pad (B, C, H, W) with 0 below and to the right, to whole cells of ``cell`` pixels."""
    height, width = x.shape[-2:]
    return F.pad(x, (0, -width % cell, 0, -height % cell))


def to_stride(x: Tensor, cell: int, stride: int, size: tuple[int, int]) -> Tensor:
    """Resize a map bilinearly at the exact scale and cut it to the input.

    In float32 also where the map comes in half precision: its gradient is a sum over all that was made of a cell, and
    GPUs add such sums up in the type of the map.

    Args:
        x: (B, C, h, w), a value for each cell of ``cell`` pixels.
        cell: Side of a cell in pixels.
        stride: Side of the wanted cells in pixels.
        size: (height, width) of the input.

    Returns:
        (B, C, ceil(H / stride), ceil(W / stride)).
    """
    wanted, scale = tuple(-(-side // stride) for side in size), cell / stride
    if any(int(side * scale) < least for side, least in zip(x.shape[-2:], wanted, strict=True)):
        extra = -(-stride // cell)  # more of the rim, so that the last cell is there whatever is rounded
        x = F.pad(x, (0, extra, 0, extra), 'replicate')
    full = F.interpolate(x.to(torch.promote_types(x.dtype, torch.float32)), scale_factor=scale, mode='bilinear').to(x)
    return full if full.shape[-2:] == wanted else full[..., : wanted[0], : wanted[1]]
