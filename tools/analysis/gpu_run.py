#!/usr/bin/env python3
"""A real pretraining on rooms rendered on the device: rates and loss over time, peak memory, bf16 beside fp32.

Rooms are rendered and trained on in turns, each timed by itself. CSV.
"""

import argparse
import statistics
import sys
import time
from functools import partial
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.structures import BaseDataElement

import mmvd  # noqa: F401  first: it arms safe loading
from mmvd.apis.configs import read_config
from mmvd.apis.devices import autocast, find_device
from mmvd.datasets.rooms import render_rooms
from mmvd.datasets.sample_key import sample_key
from mmvd.errors import ConfigError, exit_code
from mmvd.registry import MODELS
from mmvd.saving import check_file

sys.path.insert(0, str(Path(__file__).parents[2]))
from tools.analysis.tables import write_rows  # noqa: E402
from tools.analysis.timing import synchronise, time_ms, whole  # noqa: E402


def rooms_batch(step: int, batch: int, side: int, device: torch.device) -> dict:
    """Rooms of one step as a loader would hand them over, rendered on the device."""
    keys = [sample_key(0, 0, step * batch + i) for i in range(batch)]
    rooms = render_rooms(torch.tensor(keys, device=device), side, side)
    return dict(
        inputs=list(rooms.rgb.permute(0, 3, 1, 2).flip(1)),
        depth=list(rooms.depth[:, None]),
        data_samples=[BaseDataElement(metainfo=dict(sample_key=key)) for key in keys],
    )


def row_of(step: int, seconds: float, rates: tuple, half: torch.Tensor, full: torch.Tensor, device) -> dict:
    """A line of the CSV; ``rates`` are those of rendering and of training."""
    peak = torch.cuda.max_memory_allocated() / 2**30 if device.type == 'cuda' else float('nan')
    return dict(
        step=step,
        seconds=round(seconds, 2),
        rooms_per_s=round(rates[0], 2),
        samples_per_s=round(rates[1], 2),
        loss=round(float(half), 4),
        loss_float32_same_batch=round(float(full), 4),
        peak_gib=round(peak, 3),
    )


def run(args: argparse.Namespace, config: Config, device: torch.device) -> list[dict]:
    """Train and measure; a row every ``--every`` steps."""
    dtype = getattr(torch, args.dtype)
    config.model.backbone.init_cfg = None  # random RGB weights: this run measures, it does not publish
    model = MODELS.build(config.model).to(device).train()
    if args.compile:
        model.backbone.compile_blocks()
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], args.lr)

    def loss_of(data: dict) -> torch.Tensor:
        return model(**model.data_preprocessor(data, True), mode='loss')['loss_depth']

    def train(data: dict) -> None:
        with autocast(device, dtype):
            loss = loss_of(data)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    rows, seconds, start = [], [], time.perf_counter()
    for step in range(1, args.steps + 1):
        began = time.perf_counter()
        data = rooms_batch(step, args.batch, args.side, device)
        synchronise(device)
        seconds.append((time.perf_counter() - began, time_ms(partial(train, data), device) / 1e3))
        if step % args.every == 0:
            rates = [args.batch / statistics.median(times) for times in zip(*seconds[-args.every :], strict=True)]
            model.eval()  # the comparison must not move the statistics of batch norms
            with torch.no_grad():
                with autocast(device, dtype):
                    half = loss_of(data)
                full = loss_of(data)
            model.train()
            rows.append(row_of(step, time.perf_counter() - start, rates, half, full, device))
            print(rows[-1], flush=True)
    return rows


def main() -> int:
    """Parse the command line and run; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--config', default='configs/vd/pretrain_dinov2_pde_rooms.py')
    parser.add_argument('--device', help='cpu or cuda; without it a GPU if there is one')
    parser.add_argument('--dtype', choices=('float32', 'bfloat16'), default='bfloat16')
    parser.add_argument('--batch', type=whole(1), default=128)
    parser.add_argument('--side', type=whole(14), default=224)
    parser.add_argument('--steps', type=whole(1), default=500)
    parser.add_argument('--every', type=whole(1), default=20)
    parser.add_argument('--lr', type=float, default=1e-4)
    parser.add_argument('--compile', action='store_true')
    parser.add_argument('--out', default='work_dirs/gpu_run.csv')
    args = parser.parse_args()
    return exit_code(lambda: report(args))


def report(args: argparse.Namespace) -> None:
    """Run, write the table."""
    device, config = find_device(args.device), read_config(args.config)
    if (config.get('model') or {}).get('type') != 'mmvd.DepthCompleter':
        raise ConfigError(f'{args.config}: pretrains no mmvd.DepthCompleter')
    if args.every > args.steps:
        raise ConfigError(f'--every {args.every}: of --steps {args.steps} no row would be left')
    check_file(Path(args.out))
    write_rows(args.out, run(args, config, device), device, dtype=args.dtype)


if __name__ == '__main__':
    sys.exit(main())
