"""Errors of one depth map, each over a set of pixels."""

import torch
from torch import Tensor

KEYS = ('rmse_mm', 'mae_mm', 'irmse_per_km', 'imae_per_km', 'abs_rel', 'delta1', 'delta2', 'delta3')


def depth_errors(pred: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Errors per map.

    Args:
        pred: (D, H, W) metres, positive.
        target: (D, H, W) or (1, H, W) metres.
        mask: (D, H, W) bool, the pixels that count.

    Returns:
        (D, 8) float64 in the order of ``KEYS``: RMSE and MAE in mm, RMSE and MAE of inverse depth in 1/km, mean
        absolute relative error, and the shares with max(pred/target, target/pred) below 1.25, 1.25^2, 1.25^3. NaN where
        no pixel counts.
    """
    pred, target = pred.double(), target.double().expand_as(pred)
    count = mask.flatten(1).sum(1)

    def mean(values: Tensor) -> Tensor:
        return torch.where(mask, values, 0.0).flatten(1).sum(1) / count  # 0 / 0 is the NaN of an empty set

    safe = torch.where(mask, target, 1.0)
    error, inverse = pred - safe, 1 / pred - 1 / safe
    ratio = torch.maximum(pred / safe, safe / pred)
    columns = [
        mean(error**2).sqrt() * 1e3,
        mean(error.abs()) * 1e3,
        mean(inverse**2).sqrt() * 1e3,
        mean(inverse.abs()) * 1e3,
        mean(error.abs() / safe),
    ]
    columns += [mean((ratio < 1.25**k).double()) for k in (1, 2, 3)]
    return torch.stack(columns, 1)
