"""Two things measured in one run: alternating, medians, a ratio."""

import platform
import shlex
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from mmvd.compat import inspect_versions
from mmvd.saving import save_csv
from mmvd.version import __version__


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


def device_name(device: torch.device) -> str:
    """Name of the processor or accelerator."""
    if device.type == 'cuda':
        return torch.cuda.get_device_name(device)
    model = (
        next(
            (
                line.split(':')[1].strip()
                for line in Path('/proc/cpuinfo').read_text().splitlines()
                if line.startswith('model name')
            ),
            platform.processor(),
        )
        if Path('/proc/cpuinfo').exists()
        else platform.processor()
    )
    return f'{model}, {torch.get_num_threads()} threads'


def write_csv(path: str | Path, rows: list[Comparison], device: torch.device, dtype: str) -> None:
    """One row per comparison, with machine, versions and command."""
    found = inspect_versions()
    common = dict(
        device=device_name(device),
        dtype=dtype,
        mmvd=__version__,
        torch=found['torch'],
        python=sys.version.split()[0],
        numpy=found['numpy'],
        timm=found['timm'],
        command='python ' + shlex.join(sys.argv),
    )
    lines = [
        dict(
            name=row.name,
            a=row.a,
            b=row.b,
            median_a=f'{row.median_a:.4g}',
            median_b=f'{row.median_b:.4g}',
            unit=row.unit,
            ratio=f'{row.ratio:.4g}',
            repeats=row.repeats,
            note=row.note,
            **common,
        )
        for row in rows
    ]
    save_csv(lines, path)
