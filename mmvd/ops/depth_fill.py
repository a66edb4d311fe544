"""Measured depth around missing pixels: a smooth fill, and the measured pixels that stand for cells of the image."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from .depth_range import clean_depth

_TINY = 1e-12


def pyramid_fill(depth: Tensor) -> tuple[Tensor, Tensor]:
    """Fill each missing pixel from the finest level of a pyramid of averages that knows something there.

    Pull-push (Gortler et al., The Lumigraph, 1996): averages of the measured pixels of 2 x 2 cells, level by level
    until one cell is left; then back, each cell keeping its own average and the others taking the bilinear value of the
    level above. Measured pixels stay, and scaled depth gives a scaled fill. Choice of this implementation.

    Args:
        depth: (B, 1, H, W) metres, 0 = missing.

    Returns:
        (B, 1, H, W) metres, 0 for a map without any measured pixel; and (B, 1, H, W), how many levels above the pixel
        its value comes from: 0 where it is measured, and the more the farther away that is (2 at one pixel, 5 at
        twenty, about).

    Example:
        >>> pyramid_fill(torch.tensor([[[[2.0, 0.0, 0.0, 2.0]]]]))[0]
        tensor([[[[2., 2., 2., 2.]]]])
    """
    depth = clean_depth(depth)
    known = (depth > 0).to(depth.dtype)
    pyramid = [(depth, known)]
    while max(depth.shape[-2:]) > 1:
        pad = (0, depth.shape[-1] % 2, 0, depth.shape[-2] % 2)
        depth, share = F.avg_pool2d(F.pad(depth * known, pad), 2), F.avg_pool2d(F.pad(known, pad), 2)
        depth, known = depth / share.clamp(min=_TINY), (share > 0).to(depth.dtype)
        pyramid.append((depth, known))
    fill, levels = pyramid[-1][0], torch.zeros_like(pyramid[-1][0])
    for own, known in pyramid[-2::-1]:
        above = F.interpolate(torch.cat((fill, levels + 1), 1), own.shape[-2:], mode='bilinear')
        fill, levels = known * own + (1 - known) * above[:, :1], (1 - known) * above[:, 1:]
    return fill, levels


def measured_in_cells(depth: Tensor, levels: int) -> Iterator[Tensor]:
    """In each cell of 2, 4, 8 ... pixels, the measured pixel nearest to the centre among those of the four cells below.

    Args:
        depth: (B, 1, H, W) metres, 0 = missing; H and W are multiples of ``2**levels``.
        levels: How many sizes of cells.

    Yields:
        (B, 1, H / 2**level, W / 2**level) int64 for level 1, 2 ...: flat index of the pixel, -1 for an empty cell.
    """
    height, width = depth.shape[-2:]
    depth = clean_depth(depth)
    index = torch.arange(height * width, device=depth.device).view(1, 1, height, width)
    index = torch.where(depth > 0, index, -1)
    for level in range(1, levels + 1):
        four = torch.stack([index[..., top::2, left::2] for top in (0, 1) for left in (0, 1)])
        rows, columns = (
            torch.arange(side, device=depth.device) * 2**level + (2**level - 1) / 2 for side in four.shape[-2:]
        )
        away = (four // width - rows[:, None]) ** 2 + (four % width - columns) ** 2
        index = four.gather(0, away.masked_fill(four < 0, torch.inf).argmin(0, keepdim=True))[0]
        yield index


def nearest_cells(cells: Tensor, size: int) -> Iterator[Tensor]:
    """The four cells whose centres surround each pixel; outside of the map there are cells of zeros.

    Args:
        cells: (B, C, h, w) values of cells of ``size`` x ``size`` pixels.
        size: Even number of pixels.

    Yields:
        (B, C, h * size, w * size), four times.
    """
    height, width = (2 * side for side in cells.shape[-2:])
    halves = F.interpolate(F.pad(cells, (1, 1, 1, 1)), scale_factor=2, mode='nearest')  # they change at half cells
    for top in (1, 3):
        for left in (1, 3):
            near = halves[:, :, top : top + height, left : left + width]
            yield F.interpolate(near, scale_factor=size // 2, mode='nearest') if size > 2 else near
