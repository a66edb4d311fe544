#!/usr/bin/env python3
"""Speed and memory as comparisons of two things in one run: medians, ratios, CSV.

Shared machines are noisy, ratios less so.
"""

import argparse
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from torch.utils.data import DataLoader

import mmvd  # noqa: F401  first: it arms safe loading
from mmvd import ops
from mmvd.apis.devices import find_device
from mmvd.arguments import check_int
from mmvd.engine import EpochSampler
from mmvd.errors import exit_code, needs
from mmvd.registry import DATASETS
from mmvd.saving import check_file

sys.path.insert(0, str(Path(__file__).parents[2]))
from tools.analysis import benchmark_models as models  # noqa: E402
from tools.analysis.bench import PRESETS, Bench  # noqa: E402
from tools.analysis.tables import write_comparisons  # noqa: E402
from tools.analysis.timing import Comparison, whole  # noqa: E402


def pde(bench: Bench) -> list[Comparison]:
    """Encoding of a batch against a loop over channels."""

    def loop():
        waves = ops.depth_wavelengths(32).tolist()
        channels = []
        for wave in waves:
            phase = bench.depth * (2 * torch.pi / wave)
            channels += [phase.sin(), phase.cos()]
        return torch.cat(channels, 1)

    return [
        bench.compare(
            'pde',
            ('batched', lambda: ops.positional_depth_encoding(bench.depth)),
            ('loop over channels', loop),
        )
    ]


def perlin(bench: Bench) -> list[Comparison]:
    """Noise of a batch against the package perlin-numpy, sample by sample."""
    with needs('the comparison with perlin-numpy', 'bench'):
        from perlin_numpy import generate_perlin_noise_2d

    seeds, side = torch.arange(bench.batch, device=bench.device), bench.side // 8 * 8
    cells = torch.full((bench.batch, 2), 8, device=bench.device)
    return [
        bench.compare(
            'perlin',
            ('batched', lambda: ops.perlin_noise((bench.batch, side, side), seeds, cells)),
            (
                'perlin-numpy per sample',
                lambda: [generate_perlin_noise_2d((side, side), (8, 8)) for _ in range(bench.batch)],
            ),
        )
    ]


def loader(bench: Bench) -> list[Comparison]:
    """Samples per second of the loader with randomisation and encoding on the device against in the pipeline."""
    geometry = [dict(type='mmvd.RGBDRandomResizedCrop', size=bench.side), dict(type='mmvd.RGBDRandomFlip')]
    pipeline_side = [
        dict(type='mmvd.RandomDepth'),
        dict(type='mmvd.RandomDensityMask'),
        dict(type='mmvd.PositionalDepthEncoding'),
    ]
    pack, rates = [dict(type='mmvd.PackRGBDInputs')], [[], []]
    rooms = dict(type='mmvd.SyntheticRooms', length=16, size=(bench.side, bench.side), cache=True)
    loaders = []
    for extra in ([], pipeline_side):
        mixture = dict(type='mmvd.EvenMixture', datasets=dict(rooms=rooms), samples_per_epoch=64)
        data = DATASETS.build(dict(mixture, pipeline=geometry + extra + pack))
        for index in range(16):  # before the workers fork: it is the loader that is measured, not the ray casting
            data.datasets[0].render(index)
        settings = dict(sampler=EpochSampler(data, seed=0), num_workers=bench.workers, collate_fn=pseudo_collate)
        loaders.append(DataLoader(data, 8, **settings))
    for _ in range(bench.repeats):
        for rate, stream in zip(rates, loaders, strict=True):
            start = time.perf_counter()
            count = sum(len(batch['inputs']) for batch in stream)
            rate.append(count / (time.perf_counter() - start))
    return [
        Comparison(
            'loader',
            'random depth, density and encoding on the device',
            'in the pipeline',
            *map(statistics.median, rates),
            bench.repeats,
            'samples/s',
            f'{bench.workers} workers, {bench.side} px, rooms from memory',
        )
    ]


BENCHMARKS = dict(
    pde=pde,
    perlin=perlin,
    loader=loader,
    frozen=models.frozen,
    forward=models.forward,
    decoder=models.decoder,
    compiled=models.compiled,
    sweep=models.sweep,
    flops=models.flops,
)


def main() -> int:
    """Parse the command line and compare; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--only', nargs='+', choices=BENCHMARKS, default=list(BENCHMARKS))
    parser.add_argument('--preset', choices=PRESETS, default='small')
    parser.add_argument('--device', help='cpu or cuda; without it a GPU if there is one')
    parser.add_argument('--dtype', choices=('float32', 'bfloat16'), default='float32')
    parser.add_argument('--batch', type=whole(1))
    parser.add_argument('--repeats', type=whole(1), default=5)
    parser.add_argument('--workers', type=whole(0), default=2)
    parser.add_argument('--out', default='work_dirs/benchmark.csv')
    args = parser.parse_args()
    return exit_code(lambda: run(args))


def run(args: argparse.Namespace) -> None:
    """Run the comparisons, write the table."""
    check_int('benchmark', '--repeats', args.repeats)
    device = find_device(args.device)
    check_file(Path(args.out))
    np.random.seed(0)
    torch.manual_seed(0)
    bench = Bench(args, device)
    write_comparisons(args.out, (BENCHMARKS[name](bench) for name in args.only), device, dtype=args.dtype)


if __name__ == '__main__':
    sys.exit(main())
