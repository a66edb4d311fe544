#!/usr/bin/env python3
"""Samples per second that one worker prepares of a config's training data, and how many workers a GPU needs.

Each dataset of the mixture alone, then the mixture; pipeline of the config. One H100 eats 630 samples of 224 px a
second in pretraining, 720 with compiled blocks (measured: docs/benchmarks/h100_base.csv).
"""

import argparse
import math
import sys
import time

import torch

import mmvd  # noqa: F401  first: it arms safe loading and the operator stand-ins
from mmvd.apis.data_configs import check_pipelines, read_data_config
from mmvd.arguments import check_int
from mmvd.datasets.even_mixture import selected
from mmvd.datasets.sample_key import KeyedIndex
from mmvd.errors import ConfigError, exit_code
from mmvd.registry import DATASETS

_EATEN = (630, 720)  # samples/s of an H100, eager and with compiled blocks


def rate(dataset, count: int) -> float:
    """Samples per second, after one that warms up."""
    dataset[KeyedIndex(0, 0, 0)]
    start = time.perf_counter()
    for number in range(count):
        dataset[KeyedIndex(number % len(dataset), 0, 1)]
    return count / (time.perf_counter() - start)


def report(path: str, count: int) -> None:
    """Print a line for each dataset, and one for the mixture."""
    check_int('benchmark_mixture', '--samples', count)
    torch.set_num_threads(1)  # as in a worker
    config = read_data_config(path, ('train_dataloader',))
    check_pipelines(config, ('train_dataloader',))
    settings = (config.get('train_dataloader') or {}).get('dataset')
    if settings is None or settings.type != 'mmvd.EvenMixture':
        raise ConfigError(f'{path}: trains on no mmvd.EvenMixture')
    names = selected(settings.datasets, settings.get('only'))
    built = {name: DATASETS.build(dict(settings, only=name)) for name in names}  # all, before one is measured
    for name, dataset in {**built, 'the mixture': DATASETS.build(settings)}.items():
        found = rate(dataset, count)
        needed = ' to '.join(str(math.ceil(eaten / found)) for eaten in _EATEN)
        print(f'{name:<16}{found:8.1f} samples/s per worker: {needed} workers for one H100')


def main() -> int:
    """Parse the command line and measure; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', nargs='?', default='configs/vd/pretrain_dinov2_pde.py')
    parser.add_argument('--samples', type=int, default=200, help='of each dataset')
    args = parser.parse_args()
    return exit_code(lambda: report(args.config, args.samples))


if __name__ == '__main__':
    sys.exit(main())
