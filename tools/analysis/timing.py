"""Two things measured in one run: alternating, medians, a ratio."""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch


def whole(least: int) -> Callable[[str], int]:
    """Type of an argument of a command: a whole number of at least so many."""

    def read(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f'a whole number of at least {least} is expected, got {text}')
        return int(text)

    return read


@dataclass
class Comparison:
    """Medians of two things, in one unit."""

    name: str
    a: str
    b: str
    median_a: float
    median_b: float
    repeats: int
    unit: str = 'ms'
    note: str = ''

    @property
    def ratio(self) -> float:
        """A / b."""
        return self.median_a / self.median_b

    def row(self) -> dict:
        """Of a table."""
        medians = dict(median_a=f'{self.median_a:.4g}', median_b=f'{self.median_b:.4g}', unit=self.unit)
        about = dict(ratio=f'{self.ratio:.4g}', repeats=self.repeats, note=self.note)
        return dict(name=self.name, a=self.a, b=self.b, **medians, **about)

    def __str__(self) -> str:
        return (
            f'{self.name:<26} {self.a}: {self.median_a:.4g} {self.unit}   {self.b}: {self.median_b:.4g} {self.unit}   '
            f'ratio {self.ratio:.3f}   ({self.note})'
        )


def synchronise(device: torch.device) -> None:
    """Wait for the device."""
    if device.type == 'cuda':
        torch.cuda.synchronize(device)


def time_ms(function: Callable[[], object], device: torch.device) -> float:
    """One call, in milliseconds."""
    synchronise(device)
    start = time.perf_counter()
    function()
    synchronise(device)
    return (time.perf_counter() - start) * 1e3


def compare(
    name: str, a: tuple[str, Callable], b: tuple[str, Callable], device: torch.device, repeats: int, note: str = ''
) -> Comparison:
    """Time two functions in turns, so that both see the same neighbours on a shared machine.

    Args:
        name: Name of the comparison.
        a: Label and function.
        b: Label and function.
        device: Where they run.
        repeats: Timed calls of each, after one warm-up.
        note: Sizes and whatever else must be known.
    """
    times = [[], []]
    for turn in range(repeats + 1):
        for which, (_, function) in enumerate((a, b)):
            elapsed = time_ms(function, device)
            if turn:
                times[which].append(elapsed)
    return Comparison(name, a[0], b[0], statistics.median(times[0]), statistics.median(times[1]), repeats, note=note)


def peak_gib(function: Callable[[], object], device: torch.device) -> float:
    """Memory that one call takes at most, on a GPU."""
    torch.cuda.reset_peak_memory_stats(device)
    function()
    return torch.cuda.max_memory_allocated(device) / 2**30
