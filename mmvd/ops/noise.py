"""Noise fields whose level sets become density masks (paper A.3).

Perlin, coarse and pixel noise, one key per sample.
"""

import torch
from torch import Tensor

from .counter_rng import choose, fold, to_unit

_STREAM_CELLS_Y, _STREAM_CELLS_X, _STREAM_VALUES = 11, 12, 13
PERLIN_CELLS = (2, 4, 8, 16)  # the authors' code; each twice the last; drawn independently per axis
COARSE_MIN_CELLS, COARSE_MAX_SHARE = 10, 0.75  # the authors' code


def pixel_noise(shape: tuple[int, int, int], seeds: Tensor) -> Tensor:
    """Independent uniform noise per pixel: shape (B, H, W) and (B,) int64 seeds -> (B, H, W) float32 in [0, 1)."""
    _, height, width = shape
    counter = torch.arange(height * width, device=seeds.device).view(height, width)
    return to_unit(fold(fold(seeds, _STREAM_VALUES).view(-1, 1, 1), counter))


def coarse_noise(shape: tuple[int, int, int], seeds: Tensor) -> Tensor:
    """Uniform noise on a coarse grid, nearest-upsampled: mimics sparse sensors at several scales (paper 3.2).

    Grid height and width are drawn independently between 10 cells and 0.75 of the side (the authors' code).

    Args:
        shape: (B, H, W).
        seeds: (B,) int64.

    Returns:
        (B, H, W) float32 in [0, 1), constant within a cell.
    """
    _, height, width = shape
    row = _cell_index(height, seeds, _STREAM_CELLS_Y)
    column = _cell_index(width, seeds, _STREAM_CELLS_X)
    keys = fold(seeds, _STREAM_VALUES).view(-1, 1, 1)
    return to_unit(fold(keys, row[:, :, None] * width + column[:, None, :]))


def _cell_index(side: int, seeds: Tensor, stream: int) -> Tensor:
    most = max(int(COARSE_MAX_SHARE * side), 1)
    least = min(COARSE_MIN_CELLS, most)
    cells = least + choose(seeds, stream, most - least + 1)
    return torch.arange(side, device=seeds.device) * cells[:, None] // side


def perlin_noise(shape: tuple[int, int, int], seeds: Tensor, cells: Tensor | None = None) -> Tensor:
    """Gradient noise of Perlin with the quintic fade, one octave (paper 3.2 and A.3).

    Args:
        shape: (B, H, W).
        seeds: (B,) int64.
        cells: (B, 2) int64, lattice cells along height and width; drawn from 2, 4, 8, 16 per axis if None (the authors'
            code).

    Returns:
        (B, H, W) float32 in [-1, 1], zero at lattice points.
    """
    batch, height, width = shape
    pitch = PERLIN_CELLS[-1] + 1 if cells is None else int(cells.max()) + 1
    if cells is None:
        streams, count = (_STREAM_CELLS_Y, _STREAM_CELLS_X), len(PERLIN_CELLS)
        cells = torch.stack([PERLIN_CELLS[0] << choose(seeds, stream, count) for stream in streams], dim=1)
    row, dy = _lattice(height, cells[:, 0])
    column, dx = _lattice(width, cells[:, 1])
    corner = torch.arange(pitch, device=seeds.device)
    # by coordinates: no sample sees the pitch
    keys = fold(fold(fold(seeds, _STREAM_VALUES).view(-1, 1, 1), corner[:, None]), corner)
    angle = to_unit(keys.flatten(1)) * (2 * torch.pi)
    gradient = torch.stack((angle.sin(), angle.cos()), dim=-1)  # (B, corners, 2): y, x
    dy, dx = dy[:, :, None], dx[:, None, :]

    def ramp(below: int, right: int) -> Tensor:
        index = ((row + below)[:, :, None] * pitch + (column + right)[:, None, :]).view(batch, -1, 1).expand(-1, -1, 2)
        g = gradient.gather(1, index).view(batch, height, width, 2)
        return g[..., 0] * (dy - below) + g[..., 1] * (dx - right)

    fade_y, fade_x = _quintic(dy), _quintic(dx)
    top = torch.lerp(ramp(0, 0), ramp(0, 1), fade_x.expand(batch, height, width))
    bottom = torch.lerp(ramp(1, 0), ramp(1, 1), fade_x.expand(batch, height, width))
    return torch.lerp(top, bottom, fade_y.expand(batch, height, width)) * 2**0.5


def _lattice(side: int, cells: Tensor) -> tuple[Tensor, Tensor]:
    position = torch.arange(side, device=cells.device) * cells[:, None]
    return position // side, (position % side).float() / side


def _quintic(t: Tensor) -> Tensor:
    return t * t * t * (t * (t * 6 - 15) + 10)
