"""Positional depth encoding (paper Eq. 1 and 2, wavelengths of A.2) and the depth key (section 3.1)."""

import math

import torch
from torch import Tensor

from .depth_range import clean_depth
from .transfer import to_device

_WAVES_AT_ONCE = 8
_DECIMALS, _MOST_DIGITS = 6, 12  # of micrometres, as many as 64 bits hold


def depth_wavelengths(num_channels: int = 32, max_depth: float = 15.0, temperature: float = 3e-4) -> Tensor:
    """Wavelengths of the sine and cosine pairs, coarse to fine.

    Pair i has ``max_depth * temperature ** (2 i / num_channels)`` (paper A.2 lists them and calls them frequencies).

    Args:
        num_channels: Number of encoding channels C, even and positive.
        max_depth: Longest wavelength in metres.
        temperature: Lower bound of the shortest wavelength relative to ``max_depth``, between 0 and 1.

    Returns:
        (C/2,) float64 metres.

    Raises:
        ValueError: If an argument is outside its domain.

    Example:
        >>> depth_wavelengths(4)
        tensor([15.0000,  0.2598], dtype=torch.float64)
    """
    if num_channels <= 0 or num_channels % 2:
        raise ValueError(
            f'num_channels must be even and positive (a sine and a cosine per wavelength), got {num_channels}'
        )
    if not 0 < max_depth < math.inf:
        raise ValueError(f'max_depth must be a positive number of metres, got {max_depth}')
    if not 0 < temperature < 1:
        raise ValueError(f'temperature must lie between 0 and 1, got {temperature}')
    exponent = torch.arange(0, num_channels, 2, dtype=torch.float64) / num_channels
    return max_depth * temperature**exponent


def positional_depth_encoding(
    depth: Tensor, num_channels: int = 32, max_depth: float | Tensor = 15.0, temperature: float = 3e-4
) -> Tensor:
    """Encode metric depth as sines and cosines (paper Eq. 1).

    The factor 2 pi is the authors' code, confirmed by the paper's lists.

    Runs in full precision also inside autocast. Missing depth is encoded as depth 0 (sine 0, cosine 1). Depth beyond
    ``max_depth`` wraps around: bring it into range first, see :func:`range_factor`.

    Args:
        depth: (B, 1, H, W) metres, 0 = missing; NaN, infinite and negative values count as missing. Half precision is
            upcast.
        num_channels: Number of channels C, even and positive.
        max_depth: Normaliser of Eq. 2 in metres: one number, or (B,) for a maximum per sample.
        temperature: Sets the shortest wavelength, see :func:`depth_wavelengths`.

    Returns:
        (B, C, H, W) in [-1, 1], channels sin, cos, sin, cos from coarse to fine; float64 for float64 input, else
        float32.

    Raises:
        ValueError: If ``depth`` is not (B, 1, H, W) or an argument is outside its domain.

    Example:
        >>> positional_depth_encoding(torch.full((1, 1, 1, 1), 3.75), num_channels=2).flatten()
        tensor([ 1.0000e+00, -4.3711e-08])
    """
    if depth.ndim != 4 or depth.shape[1] != 1:
        raise ValueError(f'depth must have shape (B, 1, H, W), got {tuple(depth.shape)}')
    with torch.autocast(depth.device.type, enabled=False):
        depth = clean_depth(depth)
        if isinstance(max_depth, Tensor):
            unit = max_depth.to(depth).clamp(min=torch.finfo(depth.dtype).tiny).view(-1, 1, 1, 1)
            depth, max_depth = depth / unit, 1.0
        angles = 2 * math.pi / depth_wavelengths(num_channels, max_depth, temperature)  # radians per metre
        angles = to_device(angles.to(depth.dtype), depth.device).view(-1, 1, 1)
        if depth.device.type == 'cpu' and not depth.requires_grad and not torch.compiler.is_compiling():
            return _encode_in_place(depth, angles)
        phase = depth * angles
        return torch.stack((phase.sin(), phase.cos()), dim=2).flatten(1, 2)


def _encode_in_place(depth: Tensor, angles: Tensor) -> Tensor:
    """The same, a few waves of a sample at a time into the result: what a CPU works on stays in its cache."""
    result = depth.new_empty(len(depth), 2 * len(angles), *depth.shape[-2:])
    for sample, encoded in zip(depth, result, strict=True):
        parts = (part.split(_WAVES_AT_ONCE) for part in encoded.view(-1, 2, *sample.shape[-2:]).unbind(1))
        for some, sines, cosines in zip(angles.split(_WAVES_AT_ONCE), *parts, strict=True):
            torch.mul(sample, some, out=sines)
            torch.cos(sines, out=cosines)
            torch.sin(sines, out=sines)
    return result


def depth_key(max_depth: Tensor, dim: int, rule: str = 'code') -> Tensor:
    """Write the normaliser of a depth map, digit by digit, into a vector for the class token (section 3.1).

    Digit v becomes (v + 1) / 10, empty slots are 0; six decimals as in the authors' code.

    Args:
        max_depth: (B,) metres.
        dim: Width of the class token.
        rule: ``'paper'`` puts the first decimal at index 64; ``'code'`` splits the vector into three bins (X, Y, Z) and
            puts it in the middle of the third.

    Returns:
        (B, dim) float32.

    Raises:
        ValueError: If the rule is unknown, or the digits do not fit into ``dim``; on the CPU also if a depth is
            negative or not finite (an accelerator is not waited for, a graph looks at no values).
    """
    if rule not in ('paper', 'code'):
        raise ValueError(f"rule must be 'paper' or 'code', got {rule!r}")
    bin_size = dim // 3
    point = 64 if rule == 'paper' else 2 * bin_size + bin_size // 2
    first = 0 if rule == 'paper' else 2 * bin_size
    micrometres = (max_depth.double() * 10**_DECIMALS).round().long()
    wanted = 1
    if max_depth.device.type == 'cpu' and not torch.compiler.is_compiling():
        if not bool((torch.isfinite(max_depth) & (max_depth >= 0)).all()):
            raise ValueError('max_depth must be finite and not negative')
        wanted = len(str(int(micrometres.max()) // 10**_DECIMALS)) if len(micrometres) else 1
    if point - wanted < first or point + _DECIMALS > dim:
        raise ValueError(
            f'{wanted} integer digits and {_DECIMALS} decimals do not fit around index {point} of {dim} slots'
        )
    slots = min(point - first, _MOST_DIGITS)
    powers = 10 ** torch.arange(slots + _DECIMALS - 1, -1, -1, device=max_depth.device)
    digits = micrometres[:, None] // powers
    written = (digits > 0) | (powers <= 10**_DECIMALS)  # no leading zeros before the units
    key = torch.zeros(len(max_depth), dim, device=max_depth.device)
    key[:, point - slots : point + _DECIMALS] = torch.where(written, (digits % 10 + 1) / 10.0, 0.0)
    return key
