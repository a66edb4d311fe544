"""Balanced scale-invariant loss (paper appendix C, Eq. 3 to 5)."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

LOG_FLOOR_M = 1e-3
_ROOT_EPS = 1e-12  # keeps the gradient of the root finite at a perfect fit


def _residual(pred: Tensor, target: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Log residual g of Eq. 3, and the hinge that lifts predictions without a logarithm; both 0 where not valid."""
    floor = torch.full_like(pred, LOG_FLOOR_M)
    safe_pred = torch.where(valid, pred, floor)
    safe_target = torch.where(valid, target, floor)
    g = torch.where(safe_pred > LOG_FLOOR_M, safe_pred, floor).log() - safe_target.clamp(min=LOG_FLOOR_M).log()
    return torch.where(valid, g, torch.zeros_like(g)), F.relu(LOG_FLOOR_M - safe_pred)


def si_loss(
    pred: Tensor, target: Tensor, mask: Tensor, alpha: float = 10.0, lam: float = 0.85
) -> tuple[Tensor, Tensor]:
    """Scale-invariant loss of each sample over the pixels of a mask (Eq. 3).

    ``alpha * sqrt(mean(g^2) - lam * mean(g)^2)`` with ``g = log pred - log target``, computed as variance plus
    ``(1 - lam) mean(g)^2`` so that it cannot become negative. Below 1 mm the logarithm is held and
    ``alpha * mean(1 mm - pred)`` is added: such a pixel always gets a finite gradient that lifts it (the authors' code
    gives it none). Choice of this implementation.

    Args:
        pred: (B, 1, H, W) metres, any sign.
        target: (B, 1, H, W) metres, 0 = missing.
        mask: (B, 1, H, W) bool, the pixels to compare; those without target are left out.
        alpha: Factor of Eq. 3.
        lam: Share of the scale-invariant part of Eq. 3.

    Returns:
        (B,) loss, 0 for a sample without pixels, and (B,) bool, whether the sample has pixels.
    """
    valid = (mask & torch.isfinite(target) & (target > 0)).flatten(1)
    g, below = _residual(pred.flatten(1), target.flatten(1), valid)
    count = valid.sum(1)
    pixels = count.clamp(min=1)
    mean = g.sum(1) / pixels
    centred = torch.where(valid, g - mean[:, None], torch.zeros_like(g))
    root = ((centred**2).sum(1) / pixels + (1 - lam) * mean**2 + _ROOT_EPS).sqrt()
    present = count > 0
    loss = alpha * (root + below.sum(1) / pixels)
    return torch.where(present, loss, torch.zeros_like(loss)), present


def balanced_si_loss(
    pred: Tensor, target: Tensor, removed_mask: Tensor, alpha: float = 10.0, lam: float = 0.85
) -> Tensor:
    """Mean of reconstruction (kept pixels) and prediction (removed) of each sample, then over samples (Eq. 4).

    Balanced per sample as the paper says (the authors' code pools the batch). If one of the two sets is empty the other
    counts alone; a sample without any valid target is left out; a batch without any gives 0 with zero gradient. Runs in
    full precision also inside autocast.

    Args:
        pred: (B, 1, H, W) metres.
        target: (B, 1, H, W) metres, 0 = missing.
        removed_mask: (B, 1, H, W) bool, True where depth was taken away.
        alpha: Factor of Eq. 3.
        lam: Share of the scale-invariant part of Eq. 3.

    Returns:
        Scalar, float64 for float64 input, else float32.

    Raises:
        ValueError: If the shapes differ.
    """
    if not pred.shape == target.shape == removed_mask.shape:
        raise ValueError(
            'pred, target and removed_mask must have one shape, got '
            f'{tuple(pred.shape)}, {tuple(target.shape)} and {tuple(removed_mask.shape)}'
        )
    with torch.autocast(pred.device.type, enabled=False):
        pred = pred if pred.dtype == torch.float64 else pred.float()
        target = target.to(pred.dtype)
        kept, has_kept = si_loss(pred, target, ~removed_mask, alpha, lam)
        removed, has_removed = si_loss(pred, target, removed_mask, alpha, lam)
        parts = has_kept.to(pred.dtype) + has_removed.to(pred.dtype)
        per_sample = (kept + removed) / parts.clamp(min=1)
        return per_sample.sum() / (parts > 0).sum().clamp(min=1)


def multi_scale_balanced_si_loss(
    preds: Sequence[Tensor], target: Tensor, removed_mask: Tensor, alpha: float = 10.0, lam: float = 0.85
) -> Tensor:
    """Mean of the balanced loss over several output resolutions, equal weights (Eq. 5).

    Args:
        preds: Predictions (B, 1, h, w) in metres at any resolutions; target and mask follow by nearest resize.
        target: (B, 1, H, W) metres, 0 = missing.
        removed_mask: (B, 1, H, W) bool.
        alpha: Factor of Eq. 3.
        lam: Share of the scale-invariant part of Eq. 3.

    Returns:
        Scalar.
    """
    losses = []
    for pred in preds:
        size = pred.shape[-2:]
        small_target = F.interpolate(target, size=size, mode='nearest')
        small_mask = F.interpolate(removed_mask.float(), size=size, mode='nearest') > 0.5
        losses.append(balanced_si_loss(pred, small_target, small_mask, alpha, lam))
    return torch.stack(losses).mean()
