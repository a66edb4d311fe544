#!/usr/bin/env python3
"""Opening a dataset of generated rows, and what a further process pays for it: index beside mmengine's list.

Each is measured in processes of its own, on the same rows; memory is what a process shares with no other.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from mmengine.dataset import BaseDataset

import mmvd  # noqa: F401
from mmvd.arguments import check_int
from mmvd.datasets.index import IndexedEntries, write_index
from mmvd.errors import exit_code

_PER_FOLDER, _READ = 2000, 1000


def entries(rows: int, root: Path) -> list[dict]:
    """Rows as of a dataset of many scenes, whose folders are made."""
    for scene in range(-(-rows // _PER_FOLDER)):
        for kind in ('color', 'depth'):
            (root / f'scans/scene{scene:05d}/{kind}').mkdir(parents=True, exist_ok=True)
    common = dict(decoder='mm16', depth_scale=1.0, resize_image=True)
    names = (f'{root}/scans/scene{row // _PER_FOLDER:05d}/{{}}/{row % _PER_FOLDER}' for row in range(rows))
    return [
        dict(common, img_path=name.format('color') + '.jpg', depth_path=name.format('depth') + '.png') for name in names
    ]


def private_mib() -> float:
    """Memory of this process that it shares with no other."""
    lines = Path('/proc/self/smaps_rollup').read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(('Private_Clean', 'Private_Dirty'))) / 1024


class Listed(BaseDataset):
    """What a start without an index does: a list, serialised."""

    def __init__(self, rows: int, root: Path):
        self.rows, self.root = rows, root
        super().__init__(data_root=str(root), test_mode=True)

    def load_data_list(self) -> list[dict]:
        """All rows; the walk through the folders, which costs more, is left out."""
        return entries(self.rows, self.root)

    def _join_prefix(self) -> None:
        pass


def measure(kind: str, rows: int, root: Path) -> None:
    """Print seconds to open and MiB of this process."""
    before, start = private_mib(), time.perf_counter()
    if kind == 'index':
        found = IndexedEntries(root / 'rows.arrow', root)
        found.changed()
        read = found.__getitem__
    else:
        found = Listed(rows, root)
        read = found.get_data_info
    seconds = time.perf_counter() - start
    for number in np.random.default_rng(0).integers(0, rows, _READ):
        read(int(number))
    print(f'{seconds:.2f} {private_mib() - before:.1f}')


def report(rows: int) -> None:
    """Write the index once, measure both."""
    check_int('benchmark_index', '--rows', rows)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        start = time.perf_counter()
        write_index(entries(rows, root), root, root / 'rows.arrow')
        size = (root / 'rows.arrow').stat().st_size / 2**20
        print(f'{rows} rows; index written once: {time.perf_counter() - start:.0f} s, {size:.0f} MiB')
        held = IndexedEntries(root / 'rows.arrow', root)
        for number in range(0, rows, 50):  # what is measured is a further process: the pages are in memory
            held[number]
        for kind in ('index', 'list'):
            done = subprocess.run(
                [sys.executable, __file__, '--measure', kind, '--rows', str(rows), '--root', folder],
                capture_output=True, text=True, check=True,
            )  # fmt: skip
            seconds, mib = map(float, done.stdout.split())
            print(f'{kind:<6} opens in {seconds:.2f} s, {mib:.1f} MiB of its own after {_READ} random rows')


def main() -> int:
    """Parse the command line and measure; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--rows', type=int, default=3_000_000)
    parser.add_argument('--measure', choices=('index', 'list'), help=argparse.SUPPRESS)
    parser.add_argument('--root', type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        return exit_code(lambda: measure(args.measure, args.rows, args.root))
    return exit_code(lambda: report(args.rows))


if __name__ == '__main__':
    sys.exit(main())
