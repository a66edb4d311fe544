#!/usr/bin/env python3
"""The table, the picture and the targets of the model inside the package, or of another one.

Median RMSE on removed pixels over the rooms and the real frames of ``configs/completion/{rooms,frames}_auc.py``, beside
methods without a network on the same input.
"""

import argparse
import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from mmengine.runner import Runner

import mmvd
from mmvd.apis.configs import read_config, shipped_configs
from mmvd.apis.preflight import check_inputs
from mmvd.errors import exit_code
from mmvd.evaluation.completion_curves import FARTHEST_M, NEAREST_M, DepthChange, completion_curves, scale_ratios
from mmvd.saving import check_writable, save_text
from mmvd.visualization import curves_picture

sys.path.insert(0, str(Path(__file__).parents[2]))
from tools.analysis.tables import write_rows  # noqa: E402
from tools.analysis.timing import time_ms  # noqa: E402

WORKING_SIZE = 240  # shorter side in pixels of what is judged
PROTOCOL = (
    f'protocol: shorter side {WORKING_SIZE} px, truth within {NEAREST_M} to {FARTHEST_M} m, median over images of '
    'RMSE per image; masks of seed 0'
)
SETS = dict(rooms='64 unseen rooms', frames='23 real frames')
DENSITIES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 0.9)
HOLES = ('one_block', 'perlin', 'sensor_holes')
POINTS = [DepthChange('density', kept=kept) for kept in DENSITIES]
POINTS += [DepthChange('density', pattern, kept=0.5) for pattern in HOLES]
SCALES = (0.25, 0.5, 2.0, 4.0)
FLOORS = ('nearest', 'inpaint', 'linear', 'bilateral', 'guided')
LABELS = dict(
    network='mmvd', keep_input='mmvd, input kept', swapped_rgb='mmvd, RGB swapped', bilateral='joint bilateral'
)


def main() -> int:
    """Parse the command line, evaluate, judge, draw; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--model', help='packed folder or config; the model inside the package by default')
    parser.add_argument('--checkpoint', help='weights of a config')
    parser.add_argument('--sets', nargs='+', choices=SETS, default=list(SETS))
    parser.add_argument('--out', default='work_dirs/model_card', help='folder of table, CSV and picture')
    args = parser.parse_args()
    return exit_code(lambda: report(args))


def report(args: argparse.Namespace) -> None:
    """Evaluate on each set, write and print."""
    out, rows, texts = Path(args.out), [], []
    check_writable(out)
    model = mmvd.load_model(args.model, args.checkpoint)
    for name in args.sets:
        check_inputs(read_config(config_of(name)), training=False)
    for name in args.sets:
        found, ratios = evaluate(model, name)
        rows += [dict(set=name, **row) for row in found]
        texts += [table(name, found), *verdicts(found, ratios), '']
    tensors = model.to('cpu').completer.state_dict().values()
    weights = hashlib.sha256(b''.join(value.numpy().tobytes() for value in tensors))
    texts.append(f'{PROTOCOL}\nweights: {weights.hexdigest()[:16]}\n')
    text = '\n'.join(texts)
    save_text(text, out / 'table.txt')
    columns = ('set', 'pattern', 'value', 'method', 'median_removed_rmse_mm', 'removed_rmse_mm')
    write_rows(out / 'card.csv', [{column: row[column] for column in columns} for row in rows])
    curves_picture(
        [
            dict(row, pattern=row['set'], method=LABELS.get(row['method'], row['method']))
            for row in rows
            if row['pattern'] == 'pixel' and row['method'] != 'keep_input'  # the same line where measured pixels pass
        ],
        {('density', name): f'{SETS[name]}: share of the depth that is kept' for name in args.sets},
        out / 'error_against_density.png',
        [LABELS.get(name, name) for name in (*FLOORS, 'swapped_rgb')],
        'median_removed_rmse_mm',
    )
    print(f'{text}{out}')
    times = {size: answer_time_ms(model, size) for size in (WORKING_SIZE, None)}
    print(
        f'{_verdict(times[WORKING_SIZE] <= 1000)} 640 x 480 pair on one core at size={WORKING_SIZE}, as judged here: '
        f'{times[WORKING_SIZE]:.0f} ms (1 s wanted); at its native size: {times[None]:.0f} ms'
    )


def config_of(name: str) -> Path:
    """The protocol of a set."""
    return shipped_configs() / 'completion' / f'{name}_auc.py'


def evaluate(model: mmvd.apis.VDModel, name: str) -> tuple[list[dict], np.ndarray]:
    """Rows of :func:`completion_curves`, and the (images, scales) ratios of :func:`scale_ratios`."""
    config = read_config(config_of(name))
    loader = Runner.build_dataloader(config.test_dataloader, seed=0)
    rows = completion_curves(model.completer, loader, POINTS, FLOORS, ('keep_input', 'swapped_rgb'), name)
    return rows, scale_ratios(model.completer, loader, SCALES)


def table(name: str, rows: Sequence[dict]) -> str:
    """A line per input, a column per method; the best of each line is marked."""
    methods = list(dict.fromkeys(row['method'] for row in rows))
    lines = [f'{SETS[name]}: median RMSE on removed pixels [mm], * best']
    lines.append(f'{"input":<23}' + ''.join(f'{LABELS.get(method, method):>19}' for method in methods))
    for point in POINTS:
        cells = [median(rows, point, method) for method in methods]
        best = np.nanmin(cells)
        texts = (f'{cell:.1f}{"*" if cell == best else " "}' for cell in cells)
        lines.append(f'{_label(point):<23}' + ''.join(f'{text:>19}' for text in texts))
    return '\n'.join(lines)


def median(rows: Sequence[dict], point: DepthChange, method: str) -> float:
    """Of one cell."""
    key = (method, point.pattern, point.value)
    return next(row['median_removed_rmse_mm'] for row in rows if (row['method'], row['pattern'], row['value']) == key)


def verdicts(rows: Sequence[dict], ratios: np.ndarray) -> list[str]:
    """A line per target: PASS or MISS."""
    lines = []

    def beats(point: DepthChange, floor: str) -> None:
        own, other = median(rows, point, 'network'), median(rows, point, floor)
        lines.append(f'{_verdict(own < other)} {_label(point)}: {own:.1f} mm, {floor} {other:.1f} mm')

    for point in POINTS:
        if point.pattern in HOLES or point.kept <= 0.1:
            beats(point, 'nearest')
        if point.pattern in HOLES or point.kept <= 0.05:
            beats(point, 'inpaint')
        if point.pattern == 'pixel' and point.kept <= 0.1:
            rise = median(rows, point, 'swapped_rgb') / median(rows, point, 'network') - 1
            lines.append(f'{_verdict(rise >= 0.05)} {_label(point)}: swapped RGB costs {rise:.1%} (5 % wanted)')
    for scale, found in zip(SCALES, np.median(ratios, 0), strict=True):
        off = abs(found - 1)
        lines.append(f'{_verdict(off <= 0.05)} depth x {scale:g}: prediction x {scale * found:.3f} (within 5 %)')
    return lines


def _verdict(holds: bool) -> str:
    return 'PASS' if holds else 'MISS'


def _label(point: DepthChange) -> str:
    return f'{point.pattern}, {point.kept:.0%} kept'


def answer_time_ms(model: mmvd.apis.VDModel, size: int | None) -> float:
    """Median of five answers to a pair of 640 x 480 pixels at a working resolution."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    image, depth = np.zeros((480, 640, 3), np.uint8), np.full((480, 640), 2.0, np.float32)
    depth[::2] = 0
    times = [time_ms(lambda: model.complete(image, depth, size), model.device) for _ in range(6)]
    torch.set_num_threads(threads)
    return float(np.median(times[1:]))


if __name__ == '__main__':
    sys.exit(main())
