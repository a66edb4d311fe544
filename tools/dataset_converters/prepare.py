#!/usr/bin/env python3
"""Prepare one of the paper's fifteen datasets: list its samples once, and verify them beside the paper's Table 6.

Or prepare all datasets of files that a config reads.

The list becomes an index below the dataset's folder (or in MMVD_INDEX, where that is read-only), which every later
start maps into memory instead of walking through the folders. What is prepared and up to date is left alone; what was
interrupted goes on where it stopped.
"""

import argparse
import os
import sys
from functools import partial
from pathlib import Path

from mmengine.config import Config
from tqdm import tqdm

import mmvd  # noqa: F401  first: it arms the operator stand-ins
from mmvd.apis.data_configs import read_data_config
from mmvd.apis.missing_data import missing_of
from mmvd.apis.preparation import expectations, listed_datasets, paper_datasets
from mmvd.arguments import check_int
from mmvd.datasets.index import IndexedEntries, index_path, open_index, write_index
from mmvd.datasets.journal import Journal
from mmvd.datasets.rgbd_dataset import RGBDDataset
from mmvd.datasets.verdicts import judge, named
from mmvd.datasets.verification import examine
from mmvd.errors import ConfigError, MissingInputsError, MMVDError, SampleError, describe, exit_code
from mmvd.registry import DATASETS
from mmvd.saving import AtomicLocalBackend


def main() -> int:
    """Parse the command line, prepare or verify; returns the exit code."""
    datasets = paper_datasets()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('name', help=f'one of {", ".join(sorted(datasets))}; or a config file')
    parser.add_argument('--root', type=Path, help='its folder; below MMVD_DATA (default data/) by default')
    parser.add_argument('--verify', action='store_true', help='read the samples and judge them; exit code 1 for a FAIL')
    parser.add_argument('--limit', type=int, help='most samples to read with --verify, spread evenly')
    args = parser.parse_args()
    if args.name not in datasets and not args.name.endswith('.py'):
        parser.error(f'{args.name!r} is none of {", ".join(sorted(datasets))}, and no config file')
    if args.name not in datasets:
        return exit_code(lambda: prepare_config(args))
    settings = dict(datasets[args.name], **({'data_root': folder_of(args.root)} if args.root else {}))
    return exit_code(lambda: run(args, settings))


def folder_of(root: Path) -> str:
    """A folder by the name that it has; links are kept where nothing climbs behind them."""
    behind = max((number for number, part in enumerate(root.parts, 1) if part == '..'), default=0)
    return str(Path(*root.parts[:behind]).resolve().joinpath(*root.parts[behind:]))


def run(args: argparse.Namespace, settings: dict) -> int:
    """Returns the exit code."""
    if args.limit is not None:
        check_int('prepare.py', '--limit', args.limit)
        if not args.verify:
            raise ConfigError('prepare.py --limit: how many samples --verify reads; an index has all of them')
    dataset = prepare(settings)
    left_out = tell_of_left_out(dataset)
    if not args.verify:
        return 1 if left_out else 0
    path = index_path(Path(dataset.data_root), dataset.settings)
    part = '' if args.limit is None else f'_{args.limit}'  # what is done of the whole stays while a part is read
    with Journal(path.with_suffix(f'.verify{part}')) as done:
        facts = examine(dataset, args.limit, done, args.name)
    rules = judge(facts, expectations()[args.name])
    print('\n'.join(f'{"PASS" if holds else "FAIL"} {text}' for holds, text in rules))
    failing = [text.split(':')[0] for holds, text in rules if not holds]
    print_report(named(facts, failing), path.with_suffix(f'.verify{part}.txt'))
    return 0 if all(holds for holds, _ in rules) and not left_out else 1


def print_report(lines: list[str], path: Path) -> None:
    """Write what is told of samples into a file and name it, or remove what it told before."""
    if not lines:
        path.unlink(missing_ok=True)
        return
    AtomicLocalBackend().put('\n'.join([*lines, '']).encode(errors='replace'), path)
    print(f'{path}: what is at fault, {len(lines)} lines')


def prepare_config(args: argparse.Namespace) -> int:
    """Prepare what a config reads; a dataset that cannot be read does not stop the others. Returns the exit code.

    Raises:
        ConfigError: If there is no such config, it reads no files, or options are given that are for one dataset.
    """
    if args.root or args.verify or args.limit is not None:
        raise ConfigError(
            f'{args.name}: --root, --verify and --limit go with the name of a dataset; of a config, '
            'tools/dataset_converters/verify.py CONFIG reads the data'
        )
    datasets, code = listed_datasets(read_data_config(args.name)), 0
    if not datasets:
        raise ConfigError(f'{args.name}: none of its datasets reads files, there is nothing to prepare')
    for settings in datasets:
        try:
            code = max(code, int(tell_of_left_out(prepare(settings)) > 0))
        except MMVDError as error:
            print(describe(error), file=sys.stderr)
            code = 2
    return code


def tell_of_left_out(dataset: RGBDDataset) -> int:
    """Name the first samples that were left out; returns how many there are."""
    left_out = dataset.data_list.left_out
    for problem in left_out['first']:
        print(problem, file=sys.stderr)
    if left_out['count']:
        print(f'{left_out["count"]} samples or archives were left out', file=sys.stderr)
    return left_out['count']


def clock_of(path: Path) -> int:
    """The time by the clock of a file's disk, which may be another machine's, in nanoseconds."""
    os.utime(path)
    return path.stat().st_mtime_ns


def prepare(settings: dict | Config) -> RGBDDataset:
    """Write the index unless it is up to date; returns the dataset, which reads it.

    Raises:
        MissingInputsError: If there is no such data.
        SampleError: If files came or went meanwhile.
    """
    missing = missing_of(settings)
    if missing:
        raise MissingInputsError(f'missing: {missing}')
    dataset = DATASETS.build(dict(settings, pipeline=[], lazy_init=True))
    root = Path(dataset.data_root)
    path, entries = index_path(root, dataset.settings), open_index(root, dataset.settings)
    if entries is not None and entries.left_out['count']:  # it may be mended, which times of files do not tell
        entries = None
    if entries is None:
        dataset.problems = []
        with (
            tqdm(desc=f'listing {root}', unit=' folders') as bar,
            Journal(path.with_suffix('.listing'), progress=bar.update) as dataset.done,
        ):
            began_ns = clock_of(dataset.done.path)  # its folder may be new
            found = dataset.load_data_list()
            if not found:
                raise MissingInputsError(dataset.problems[0])
            clock = partial(clock_of, dataset.done.path)
            write_index(found, root, path, dataset.sources(found), began_ns, clock, dataset.problems)
        print_report(dataset.problems, path.with_suffix('.left_out.txt'))
        dataset.done = None
    dataset.full_init()
    if not isinstance(dataset.data_list, IndexedEntries):
        raise SampleError(f'{path}: out of date already: prepare again when no files come or go')
    path = dataset.data_list.path
    print(
        f'{path}: {len(dataset)} samples, {path.stat().st_size / 2**20:.1f} MiB' + (', up to date' if entries else '')
    )
    return dataset


if __name__ == '__main__':
    sys.exit(main())
