"""Random density: which pixels vanish (paper 3.2, A.3; constants of the authors' code where the paper is silent)."""

from collections.abc import Iterable

import torch
from torch import Tensor

from .counter_rng import choose, fold, normal
from .noise import coarse_noise, perlin_noise, pixel_noise

_STREAM_FRACTION, _STREAM_PATTERN, _STREAM_MASK = 21, 22, 23
_PATTERNS = {'perlin': perlin_noise, 'coarse': coarse_noise, 'pixel': pixel_noise}


def check_patterns(patterns: Iterable[str]) -> None:
    """Refuse names of patterns that do not exist.

    Raises:
        ValueError: If there is one, or none at all.
    """
    if not isinstance(patterns, (list, tuple)) or not all(isinstance(pattern, str) for pattern in patterns):
        raise ValueError(f'density patterns must be a list of names, got {patterns!r}')
    unknown = [pattern for pattern in patterns if pattern not in _PATTERNS]
    if unknown or not patterns:
        raise ValueError(f'density patterns must be some of {", ".join(_PATTERNS)}, got {unknown or patterns}')


def density_mask(
    shape: tuple[int, int, int],
    removed_fraction: float | Tensor,
    pattern: str = 'perlin',
    seeds: Tensor | None = None,
    valid: Tensor | None = None,
) -> Tensor:
    """Choose the pixels that vanish: those with the lowest noise, as many as asked for.

    Args:
        shape: (B, H, W).
        removed_fraction: Share to remove, a number or (B,), between 0 and 1.
        pattern: ``'perlin'`` (rounded shapes), ``'coarse'`` (blocks) or ``'pixel'`` (independent pixels).
        seeds: (B,) int64; a sample's mask depends on its own seed alone. None draws seeds from torch's global
            generator.
        valid: (B, H, W) bool; where given, the share is one of the valid pixels and no other pixel is removed.

    Returns:
        (B, H, W) bool, True = removed. The number removed is the rounded share, exactly: ties of coarse noise are cut
        in reading order.

    Raises:
        ValueError: If the pattern is unknown, a shape does not fit, or a fraction is outside [0, 1] (an accelerator is
            not waited for).
    """
    batch, height, width = shape
    check_patterns([pattern])
    if valid is not None and tuple(valid.shape) != tuple(shape):
        raise ValueError(f'valid must have shape {tuple(shape)}, got {tuple(valid.shape)}')
    if seeds is None:
        seeds = torch.randint(2**62, (batch,))
    if seeds.shape != (batch,):
        raise ValueError(f'seeds must have shape ({batch},), got {tuple(seeds.shape)}')
    seeds = seeds.to(seeds.device if valid is None else valid.device)
    fraction = torch.as_tensor(removed_fraction, dtype=torch.float64)
    if fraction.device.type == 'cpu' and not bool(((fraction >= 0) & (fraction <= 1)).all()):
        raise ValueError(f'removed_fraction must lie between 0 and 1, got {removed_fraction}')
    fraction = fraction.to(seeds.device).expand(batch)
    return remove_lowest(density_noise(pattern, shape, seeds), fraction, valid)


def density_noise(pattern: str, shape: tuple[int, int, int], seeds: Tensor) -> Tensor:
    """(B, H, W) noise of a pattern of :func:`density_mask`: the lowest vanish first."""
    return _PATTERNS[pattern](shape, seeds)


def remove_lowest(noise: Tensor, fraction: Tensor, valid: Tensor | None) -> Tensor:
    """Choose the pixels of lowest noise: masks of smaller shares lie within those of larger ones.

    Args:
        noise: (B, H, W) in the order in which pixels vanish.
        fraction: (B,) float64 share to remove.
        valid: (B, H, W) bool, see :func:`density_mask`.

    Returns:
        (B, H, W) bool, True = removed.
    """
    flat = noise.flatten(1)
    if valid is None:
        available = torch.full_like(fraction, flat.shape[1])
    else:
        flat = flat.masked_fill(~valid.flatten(1), torch.inf)
        available = valid.flatten(1).sum(1).double()
    count = (fraction * available).round().long()
    order = flat.argsort(dim=1, stable=True)
    chosen = torch.arange(flat.shape[1], device=flat.device) < count[:, None]
    return torch.zeros_like(chosen).scatter_(1, order, chosen).view(noise.shape)


def draw_density(keys: Tensor, mean: float, std: float, low: float = 0.01, high: float = 0.99) -> Tensor:
    """Draw the removed share of each sample from a clipped normal distribution.

    The distribution is the authors' code; the limits 1 and 99 % are the paper's (the code clips at 10 %).

    Args:
        keys: (B,) int64 sample keys.
        mean: Mean of the removed share.
        std: Standard deviation of the removed share.
        low: Least share.
        high: Greatest share.

    Returns:
        (B,) float32.
    """
    return (mean + std * normal(keys, _STREAM_FRACTION)).clamp(low, high)


def random_density_mask(
    valid: Tensor, removed_fraction: Tensor, keys: Tensor, patterns: tuple[str, ...] = ('perlin', 'coarse', 'pixel')
) -> Tensor:
    """Remove a given share of each sample by a pattern drawn per sample with equal probability.

    Args:
        valid: (B, H, W) bool, pixels with depth.
        removed_fraction: (B,) share of the valid pixels to remove.
        keys: (B,) int64 sample keys.
        patterns: Names as in :func:`density_mask`; the paper names random noise at several scales and Perlin noise.

    Returns:
        (B, H, W) bool, True = removed.
    """
    chosen = choose(keys, _STREAM_PATTERN, len(patterns))
    noise = _mixed_noise(tuple(valid.shape), fold(keys, _STREAM_MASK), chosen, patterns)
    return remove_lowest(noise, removed_fraction.double(), valid)


def _mixed_noise(shape: tuple[int, int, int], seeds: Tensor, chosen: Tensor, patterns: tuple[str, ...]) -> Tensor:
    """Noise of the pattern that each sample has drawn; that of a sample depends on its own seed alone."""
    if seeds.device.type != 'cpu':  # all patterns for all samples: to ask which has which would wait for the device
        noise = _PATTERNS[patterns[0]](shape, seeds)
        for number, pattern in enumerate(patterns[1:], 1):
            noise = torch.where((chosen == number).view(-1, 1, 1), _PATTERNS[pattern](shape, seeds), noise)
        return noise
    noise = torch.empty(shape)
    for number, pattern in enumerate(patterns):
        members = (chosen == number).nonzero().flatten()
        if len(members):
            noise[members] = _PATTERNS[pattern]((len(members), *shape[1:]), seeds[members])
    return noise


def alter_depth(depth: Tensor, keys: Tensor, zeros: float, scale: float) -> Tensor:
    """Take away a share of the valid pixels, independently drawn, and multiply the rest (paper Table 7).

    Args:
        depth: (B, 1, H, W) metres, 0 = missing.
        keys: (B,) int64 sample keys; pixels missing at a share are missing at any larger one.
        zeros: Share between 0 and 1.
        scale: Factor on the metres.

    Returns:
        (B, 1, H, W) metres.
    """
    removed = density_mask((len(depth), *depth.shape[-2:]), zeros, 'pixel', keys, (depth > 0)[:, 0])
    return depth.masked_fill(removed[:, None], 0) * scale
