"""Depth at another resolution, by nearest; and measurements put back into a prediction."""

import torch
import torch.nn.functional as F
from torch import Tensor

_REACH_SIGMAS, _FADE = 3.0, 0.1  # weights below a tenth of a lone pixel's count little


def resize_depth(depth: Tensor, size: tuple[int, int]) -> Tensor:
    """Bring depth to another size; every value is a measured one.

    A pixel of the result takes, among the measured pixels of its cell, the one nearest to the centre, so that a sparse
    map loses few of its points where plain nearest would lose most (choice of this implementation). A result that is
    larger in an axis takes the nearest pixel there.

    Args:
        depth: (B, 1, H, W) metres, 0 = missing.
        size: (h, w) of the result.

    Returns:
        (B, 1, h, w), same dtype.
    """
    (height, width), (new_height, new_width) = depth.shape[-2:], size
    within = min(height, new_height), min(width, new_width)
    if within != tuple(size):
        depth = depth if within == (height, width) else resize_depth(depth, within)
        return F.interpolate(depth, size, mode='nearest-exact')
    order, cell = _cell_order(height, width, new_height, new_width, depth.device)
    values = depth.flatten(1)[:, order]
    rank = torch.arange(len(order), device=depth.device).expand_as(values)
    none = len(order)
    rank = torch.where(values > 0, rank, none)
    best = torch.full((len(depth), new_height * new_width), none, device=depth.device)
    best.scatter_reduce_(1, cell[order].expand_as(values), rank, 'amin')
    found = F.pad(values, (0, 1)).gather(1, best)  # the last one: no measurement in the cell
    return found.view(len(depth), 1, new_height, new_width)


def _cell_order(height: int, width: int, new_height: int, new_width: int, device) -> tuple[Tensor, Tensor]:
    """Pixels by the distance to the centre of their cell, and the cell of each pixel."""
    rows = (torch.arange(height, device=device, dtype=torch.float64) + 0.5) * (new_height / height)
    columns = (torch.arange(width, device=device, dtype=torch.float64) + 0.5) * (new_width / width)
    row, column = rows.floor().clamp(max=new_height - 1), columns.floor().clamp(max=new_width - 1)
    distance = ((rows - row - 0.5) ** 2)[:, None] + ((columns - column - 0.5) ** 2)[None]
    cell = (row.long() * new_width)[:, None] + column.long()[None]
    return distance.flatten().argsort(stable=True), cell.flatten()


def keep_measured(pred: Tensor, depth: Tensor, sigma_px: float = 4.0) -> Tensor:
    """Put measured pixels back into a prediction, and blend the seams around them.

    Measured pixels pass through. Around them the prediction moves by the mean of their residuals, with Gaussian weights
    that fade out (choice of this implementation).

    Args:
        pred: (B, 1, H, W) metres.
        depth: (B, 1, H, W) metres, 0 = missing.
        sigma_px: Standard deviation of the weights in pixels.

    Returns:
        (B, 1, H, W) metres.
    """
    measured = depth > 0
    residual = torch.where(measured, depth - pred, torch.zeros_like(pred))
    radius = int(_REACH_SIGMAS * sigma_px)
    steps = torch.arange(-radius, radius + 1, device=pred.device, dtype=pred.dtype)
    kernel = (-0.5 * (steps / sigma_px) ** 2).exp()
    both = torch.cat((residual, measured.to(pred.dtype)), 1)
    for view in ((1, 1, -1, 1), (1, 1, 1, -1)):
        weight = kernel.view(view).expand(2, *[-1] * 3)
        both = F.conv2d(both, weight, padding='same', groups=2)
    moved, weight = both.split(1, 1)
    moved = pred + moved / (weight + _FADE)
    return torch.where(measured, depth.to(pred.dtype), moved.clamp(min=0))
