"""Rotations for networks: six numbers to a matrix, and the angle between two."""

import torch
from torch import Tensor

_SMALL = 1e-8


def rotation_from_6d(x: Tensor) -> Tensor:
    """(..., 6) -> (..., 3, 3) rotation (Zhou et al. 2019, as PoET has it).

    The first three numbers, normalised, are the first column a; the third column is orthogonal to both triples, the
    second completes the frame: Gram and Schmidt's.
    """
    first = torch.nn.functional.normalize(x[..., :3], dim=-1)
    third = torch.nn.functional.normalize(torch.linalg.cross(first, x[..., 3:]), dim=-1)
    return torch.stack((first, torch.linalg.cross(third, first), third), -1)


def rotation_angle(a: Tensor, b: Tensor) -> Tensor:
    """(..., 3, 3) twice -> (...) angle between them in radians, with a gradient everywhere.

    The arc cosine of the trace, which is the usual form, has none at 0 and an infinite one beside it.
    """
    between = a.transpose(-1, -2) @ b
    trace = between.diagonal(dim1=-2, dim2=-1).sum(-1)
    skew = torch.stack([between[..., i, j] - between[..., j, i] for i, j in ((2, 1), (0, 2), (1, 0))], -1)
    return torch.atan2((skew.square().sum(-1) + _SMALL**2).sqrt(), trace - 1)


def safe_norm(x: Tensor) -> Tensor:
    """(..., n) -> (...) length, with gradient 0 at 0."""
    squared = x.square().sum(-1)
    return torch.where(squared > 0, squared.clamp(min=_SMALL**2).sqrt(), squared)
