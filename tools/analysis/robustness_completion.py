#!/usr/bin/env python3
"""Depth completion over densities, by pattern, scales, offsets (paper Figs. 6 to 8) and noise, several models at once.

Writes a CSV and a PNG. RGB features are computed once per image and model.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from mmengine.config import Config
from mmengine.runner import Runner

import mmvd  # noqa: F401  first: it arms safe loading and the operator stand-ins
from mmvd.apis.loading import load_model, open_model
from mmvd.errors import ConfigError, exit_code
from mmvd.evaluation.baselines import BASELINES
from mmvd.evaluation.completion_curves import AXES, DepthChange, changes, completion_curves
from mmvd.evaluation.input_patterns import PATTERNS
from mmvd.evaluation.protocols import check_comparable
from mmvd.saving import check_file
from mmvd.visualization import curves_picture

sys.path.insert(0, str(Path(__file__).parents[2]))
from tools.analysis.tables import check_tested, write_rows  # noqa: E402


def main() -> int:
    """Parse the command line, evaluate, draw; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        '--model', nargs=3, action='append', required=True, metavar=('LABEL', 'CONFIG', 'CHECKPOINT'), help='repeatable'
    )
    parser.add_argument('--axes', nargs='+', choices=AXES, default=list(AXES))
    parser.add_argument('--patterns', nargs='+', choices=PATTERNS, default=['pixel'], help='of the densities')
    parser.add_argument('--floors', nargs='*', choices=sorted(BASELINES), default=['nearest'])
    parser.add_argument('--out', default='work_dirs/robustness_completion.csv', help='CSV; the picture lies beside it')
    args = parser.parse_args()
    return exit_code(lambda: report(args))


def report(args: argparse.Namespace) -> None:
    """Evaluate one model after the other on the test data of its config, write and draw."""
    out, rows, labels = Path(args.out), [], [label for label, *_ in args.model]
    if out.suffix == '.png':
        raise ConfigError(f'--out {out}: CSV goes there, and a picture of this name beside it: end it in .csv')
    if len({*labels, *BASELINES}) < len(labels) + len(BASELINES):
        raise ConfigError(f'--model {", ".join(labels)}: give each LABEL another name, and none of a floor')
    check_file(out)
    configs = [open_model(name)[0] for _, name, _ in args.model]
    for config in configs:
        check_tested(config)
    datasets = [config.test_dataloader.dataset.to_dict() for config in configs]
    check_comparable(dict(zip(labels, datasets, strict=True)))
    for config, (*_, checkpoint) in zip(configs, args.model, strict=True):
        load_model(config, checkpoint)  # what is wrong with one is told before the first is evaluated
    points = changes(args.axes, args.patterns)
    for number, (config, (label, _, checkpoint)) in enumerate(zip(configs, args.model, strict=True)):
        floors = args.floors if number == 0 else ()  # the data are the same, so are they
        rows += curves_of(config, label, checkpoint, points, floors)
        write_rows(out, rows)
    picture = out.with_suffix('.png')
    fields = {(axis, 'pixel'): AXES[axis] for axis in args.axes if axis != 'density'}
    if 'density' in args.axes:
        fields = {('density', pattern): f'{AXES["density"]}, {pattern}' for pattern in args.patterns} | fields
    curves_picture(rows, fields, picture, BASELINES)
    print(f'{out}\n{picture}')


def curves_of(
    config: Config, label: str, checkpoint: str, points: Sequence[DepthChange], floors: Sequence[str]
) -> list[dict]:
    """Rows of one model under its label; nothing of it is held afterwards."""
    model = load_model(config, checkpoint)
    loader = Runner.build_dataloader(config.test_dataloader, seed=0)
    names = dict(network=label, keep_input=f'{label}, input kept')
    found = completion_curves(model.completer, loader, points, floors, ('keep_input',), label)
    return [dict(row, method=names.get(row['method'], row['method'])) for row in found]


if __name__ == '__main__':
    sys.exit(main())
