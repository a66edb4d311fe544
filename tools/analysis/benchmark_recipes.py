#!/usr/bin/env python3
"""What a recipe takes: a step and the peak memory of its model, at its batch and sizes, in bfloat16 and in float32.

Samples are built-in rooms of 640x480 (of poses those of ``python -m mmvd data bop data/bop_rooms``) that went through
the recipe's own transforms, weights start at random. Where a batch does not fit, half of it is tried.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from torch.utils.data import DataLoader

import mmvd  # noqa: F401  first: it arms safe loading and the operator stand-ins
from mmvd.apis.configs import read_config
from mmvd.apis.devices import find_device
from mmvd.apis.memory import is_out_of_memory
from mmvd.apis.missing_data import missing_of
from mmvd.arguments import check_int
from mmvd.datasets.nesting import flat
from mmvd.engine import EpochSampler
from mmvd.errors import MissingInputsError, exit_code
from mmvd.registry import DATASETS, MODELS, OPTIM_WRAPPERS
from mmvd.saving import check_file

sys.path.insert(0, str(Path(__file__).parents[2]))
from tools.analysis.tables import write_comparisons  # noqa: E402
from tools.analysis.timing import Comparison, compare, peak_gib, whole  # noqa: E402

POSES = Path(__file__).parents[2] / 'configs/pose/poet_vd_rooms.py'
FILES = ('mmvd.LoadImage', 'mmvd.LoadDepth', 'mmvd.LoadLabels')  # the rooms hold what these read
DISTINCT = 8  # samples; a batch repeats them, since rooms are slow to render on the CPU


def rooms_batch(config: Config) -> dict:
    """A batch as the recipe's loader collates it, of rooms instead of its files."""
    wanted, pipeline = config.train_dataloader.batch_size, config.train_dataloader.dataset.pipeline
    if config.model.type == 'mmvd.PoseEstimator':
        dataset = read_config(POSES).train_dataloader.dataset
        config.model.head.loss.models = f'{dataset.data_root}/models'
        missing = missing_of(dataset)
        if missing:
            raise MissingInputsError(str(missing))
    else:
        pipeline = [step for step in flat(pipeline) if step.type not in FILES]
        dataset = dict(type='mmvd.SyntheticRooms', length=DISTINCT, size=(480, 640))
    data, count = DATASETS.build(dict(dataset, pipeline=pipeline)), min(DISTINCT, wanted)
    # in a worker, which has one thread: several get in each other's way on a busy machine
    settings = dict(sampler=EpochSampler(data, seed=0), num_workers=1, collate_fn=pseudo_collate)
    few = next(iter(DataLoader(data, count, **settings)))
    return {key: [values[i % count] for i in range(wanted)] for key, values in few.items()}


def steps(config: Config, data: dict, device: torch.device) -> list[tuple[str, Callable[[], object]]]:
    """Steps of one model, under one optimizer: in bfloat16 and in float32."""
    config.model.backbone.init_cfg = None
    model = MODELS.build(config.model).to(device).train()
    full = build_optim_wrapper(model, config.optim_wrapper)
    clip = config.optim_wrapper.get('clip_grad')
    half = OPTIM_WRAPPERS.build(dict(type='mmvd.BF16OptimWrapper', optimizer=full.optimizer, clip_grad=clip))
    return [
        ('bfloat16', lambda: model.train_step(data, half)),
        ('float32', lambda: model.train_step(data, full)),
    ]


def measure(path: str, device: torch.device, repeats: int) -> list[Comparison]:
    """Step and peak memory of a recipe; of half the batch, and so on, where it does not fit."""
    config = read_config(path)
    init_default_scope(config.default_scope)
    data = rooms_batch(config)
    wanted = batch = config.train_dataloader.batch_size
    while True:
        note = f'batch {batch} of {wanted}, {"x".join(map(str, data["inputs"][0].shape[1:]))} px'
        try:
            a, b = steps(config, {key: values[:batch] for key, values in data.items()}, device)
            rows = [compare(f'step of {path}', a, b, device, repeats, note)]
            if device.type == 'cuda':
                peaks = [peak_gib(step, device) for _, step in (a, b)]
                rows.append(Comparison(f'peak memory of {path}', a[0], b[0], *peaks, 1, 'GiB', note))
            return rows
        except RuntimeError as error:
            if not is_out_of_memory(error) or batch == 1:
                raise
        batch //= 2
        a = b = None
        torch.cuda.empty_cache()


def main() -> int:
    """Parse the command line and measure; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('configs', nargs='+')
    parser.add_argument('--device', help='cpu or cuda; without it a GPU if there is one')
    parser.add_argument('--repeats', type=whole(1), default=5)
    parser.add_argument('--out', default='work_dirs/benchmark_recipes.csv')
    args = parser.parse_args()
    return exit_code(lambda: run(args))


def run(args: argparse.Namespace) -> None:
    """Measure the recipes one after the other, write the table."""
    check_int('benchmark_recipes', '--repeats', args.repeats)
    device = find_device(args.device)
    check_file(Path(args.out))
    torch.manual_seed(0)
    write_comparisons(args.out, (measure(path, device, args.repeats) for path in args.configs), device)


if __name__ == '__main__':
    sys.exit(main())
