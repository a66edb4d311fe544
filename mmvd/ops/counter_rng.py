"""Counter-based random numbers: a draw is a hash of (key, stream, counter), so it depends on nothing else.

The hash is the finaliser of SplitMix64 (Steele, Lea and Flood 2014), applied once per folded word. Integer arithmetic
wraps alike on every device, so the same key gives the same draw on the CPU and on an accelerator. Choice of this
implementation.
"""

import torch
from torch import Tensor

_GOLDEN = 0x9E3779B97F4A7C15 - (1 << 64)
_MULTIPLIER_1 = 0xBF58476D1CE4E5B9 - (1 << 64)
_MULTIPLIER_2 = 0x94D049BB133111EB - (1 << 64)


def _wrapped(number: int) -> int:
    """The number as 64 bits with a sign hold it: no tensor has to be sent to the device."""
    return (number + 2**63) % 2**64 - 2**63


def _shift_right(x: Tensor, bits: int) -> Tensor:
    return (x >> bits) & ((1 << (64 - bits)) - 1)  # int64 shifts drag the sign along, a hash needs zeros


def fold(keys: Tensor, word: int | Tensor) -> Tensor:
    """Derive new keys from keys and one more word.

    Args:
        keys: Int64 tensor of any shape.
        word: An integer or an int64 tensor that broadcasts with ``keys``: a stream number, a counter, a coordinate.

    Returns:
        Int64 tensor of the broadcast shape; its bits are as good as independent of those of other words.
    """
    step = _wrapped((word + 1) * _GOLDEN) if isinstance(word, int) else (word.long() + 1) * _GOLDEN
    x = (keys ^ _GOLDEN) + step
    x = (x ^ _shift_right(x, 30)) * _MULTIPLIER_1
    x = (x ^ _shift_right(x, 27)) * _MULTIPLIER_2
    return x ^ _shift_right(x, 31)


def to_unit(bits: Tensor) -> Tensor:
    """Map int64 hash bits to float32 numbers in [0, 1), using the upper 24 bits."""
    return _shift_right(bits, 40).to(torch.float32) * 2.0**-24


def uniform(keys: Tensor, stream: int, count: int | None = None) -> Tensor:
    """Draw uniform numbers.

    Args:
        keys: (B,) int64, one key per sample.
        stream: Number of the stream; two streams of one key are independent.
        count: Numbers per sample; None draws a single one without a trailing axis.

    Returns:
        (B,) or (B, count) float32 in [0, 1).
    """
    keys = fold(keys, stream)
    if count is None:
        return to_unit(fold(keys, 0))
    return to_unit(fold(keys[:, None], torch.arange(count, device=keys.device)))


def normal(keys: Tensor, stream: int) -> Tensor:
    """Draw one standard normal number per key by Box and Muller's transform: (B,) int64 -> (B,) float32."""
    u = uniform(keys, stream, 2)
    return (-2 * torch.log1p(-u[:, 0])).sqrt() * torch.cos(2 * torch.pi * u[:, 1])


def choose(keys: Tensor, stream: int, count: int | Tensor) -> Tensor:
    """Draw one index in [0, count) per key.

    Args:
        keys: (B,) int64.
        stream: Number of the stream.
        count: Number of choices, an integer or a (B,) integer tensor.

    Returns:
        (B,) int64.
    """
    index = (uniform(keys, stream).double() * count).long()
    return index.clamp(max=count - 1)
