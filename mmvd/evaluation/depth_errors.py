"""Errors of one depth map, each over sets of pixels."""

from collections.abc import Sequence

import torch
from torch import Tensor

KEYS = ('rmse_mm', 'mae_mm', 'irmse_per_km', 'imae_per_km', 'abs_rel', 'delta1', 'delta2', 'delta3')


def depth_errors(pred: Tensor, target: Tensor, masks: Sequence[Tensor]) -> Tensor:
    """Errors per map.

    Args:
        pred: (D, H, W) metres, positive.
        target: (D, H, W) or (1, H, W) metres.
        masks: S sets of pixels that count, (D, H, W) bool each.

    Returns:
        (S, D, 8) float64 in the order of ``KEYS``: RMSE and MAE in mm, RMSE and MAE of inverse depth in 1/km, mean
        absolute relative error, and the shares with max(pred/target, target/pred) below 1.25, 1.25^2, 1.25^3. NaN where
        no pixel counts.
    """
    pred, target = pred.double(), target.double()
    error, inverse = pred - target, 1 / pred - 1 / target
    ratio = torch.maximum(pred / target, target / pred)
    values = [error**2, error.abs(), inverse**2, inverse.abs(), error.abs() / target]
    values += [(ratio < 1.25**k).double() for k in (1, 2, 3)]

    def means(mask: Tensor) -> Tensor:
        count = mask.flatten(1).sum(1)  # 0 / 0 is the NaN of an empty set
        columns = [torch.where(mask, value, 0.0).flatten(1).sum(1) / count for value in values]
        columns[0], columns[2] = columns[0].sqrt(), columns[2].sqrt()
        return torch.stack([column * 1e3 for column in columns[:4]] + columns[4:], 1)

    return torch.stack([means(mask) for mask in masks])
