#!/usr/bin/env python3
"""Paper Table 7 for a trained checkpoint: mIoU over missing shares and scales of depth, RGB features once per image."""

import argparse
import sys
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.evaluator import Evaluator

import mmvd  # noqa: F401  first: it arms safe loading and the operator stand-ins
from mmvd.apis.configs import read_config
from mmvd.apis.launch import add_common_arguments, load_config, running
from mmvd.apis.resuming import set_resume
from mmvd.errors import ConfigError, exit_code
from mmvd.evaluation.protocols import check_comparable
from mmvd.evaluation.report import provenance
from mmvd.evaluation.robustness import PAPER_COLUMNS, Alteration, format_table, full_grid, sweep, with_alteration
from mmvd.saving import check_file, save_json, save_text

sys.path.insert(0, str(Path(__file__).parents[2]))
from tools.analysis.tables import check_tested, claim, last_checkpoint  # noqa: E402

_OF_READING = ('pipeline', 'decoder', 'depth_from', 'resize_image')


def evaluate(config: Config, checkpoint: str, alterations: list[Alteration]) -> list[dict]:
    """Rows of :func:`mmvd.evaluation.robustness.sweep` for a checkpoint on the test data of a config."""
    config.load_from = checkpoint
    with running(config, training=False) as runner:
        runner.load_or_resume()
        runner.logger.setLevel('WARNING')  # a table of classes per setting is too much
        dataloader = runner.test_dataloader

        def metric_of():
            metric = Evaluator(config.test_evaluator)
            metric.dataset_meta = dataloader.dataset.metainfo
            return metric

        return sweep(runner.model.eval(), dataloader, metric_of, alterations)


def retrain(config: Config, folder: Path) -> list[dict]:
    """A head of its own for every column, trained and tested on depth altered alike."""
    rows = []
    for alteration in PAPER_COLUMNS:
        own = with_alteration(config, alteration)
        own.work_dir = str(folder / f'zeros{alteration.zeros:g}_scale{alteration.scale:g}')
        claim(own, Path(own.work_dir))
        checkpoint = last_checkpoint(own, Path(own.work_dir))
        if not checkpoint.is_file():
            set_resume(own, 'auto')
            with running(own, training=True) as runner:
                runner.train()
        row = evaluate(own, str(checkpoint), [Alteration()])[0]
        rows.append(dict(row, zeros=alteration.zeros, scale=alteration.scale))
    return rows


def _check_segmentor(config: Config) -> None:
    if 'decode_head' not in (config.get('model') or {}):
        raise ConfigError(f'{config.filename}: has no decode_head: the sweep is for segmentors')


def _tested(node: object) -> object:
    """Which images a dataset config tests on, however they and their depth are read."""
    if isinstance(node, dict):
        return {key: _tested(value) for key, value in node.items() if key not in _OF_READING}
    return [_tested(each) for each in node] if isinstance(node, (list, tuple)) else node


def rgb_only_miou(args: argparse.Namespace, swept: Config) -> float | None:
    """MIoU of the RGB-only baseline, if it was named.

    Raises:
        ConfigError: If it is tested on other data than the sweep, or reads depth.
    """
    if not args.rgb:
        return None
    config = read_config(args.rgb[0])
    _check_segmentor(config)
    for each in (swept, config):
        check_tested(each)
    datasets = (each.test_dataloader.dataset.to_dict() for each in (swept, config))
    check_comparable(dict(zip(('the sweep', '--rgb'), map(_tested, datasets), strict=True)))
    if config.model.backbone.get('type', '').startswith('mmvd.') and config.model.backbone.get('out') != 'rgb':
        raise ConfigError(f"{args.rgb[0]}: reads depth: an RGB-only baseline has model.backbone.out='rgb'")
    config.work_dir = str(Path(args.out).parent / 'rgb')
    config.load_from = args.rgb[1]
    with running(config, training=False) as runner:
        return float(runner.test()['mIoU'])


def main() -> int:
    """Parse the command line, sweep, write the table; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_common_arguments(parser, distributed=False)
    parser.add_argument('checkpoint', nargs='?', help='checkpoint of the segmentor; not with --retrain')
    parser.add_argument(
        '--paper-columns', action='store_true', help="only the paper's nine columns, not every share with every scale"
    )
    parser.add_argument(
        '--retrain',
        action='store_true',
        help='train a head for each of the nine columns instead of testing one head on all',
    )
    parser.add_argument(
        '--rgb', nargs=2, metavar=('CONFIG', 'CHECKPOINT'), help='RGB-only baseline for the last column'
    )
    parser.add_argument('--out', default='work_dirs/robustness.json')
    args = parser.parse_args()
    if bool(args.checkpoint) == args.retrain:
        parser.error('give either a checkpoint or --retrain')
    return exit_code(lambda: report(args))


def report(args: argparse.Namespace) -> None:
    """Sweep, print and write."""
    torch.manual_seed(0)
    config, out = load_config(args), Path(args.out)
    if out.suffix == '.txt':
        raise ConfigError(f'--out {out}: JSON goes there, and a table of this name beside it: end it in .json')
    _check_segmentor(config)
    check_file(out)
    rgb_only = rgb_only_miou(args, config)  # what is wrong with it must not be found out after the sweep
    if args.retrain:
        check_tested(config)
        rows, config = retrain(config, Path(config.work_dir)), load_config(args)
    else:
        rows = evaluate(config, args.checkpoint, list(PAPER_COLUMNS) if args.paper_columns else full_grid())
    table = format_table(rows, rgb_only)
    mode = 'heads retrained on depth altered alike' if args.retrain else 'one head, depth altered at test time'
    save_json(dict(mode=mode, rows=rows, **provenance(config, 0)), out)
    save_text(f'{mode}\n{table}\n', out.with_suffix('.txt'))
    print(f'{mode}\n{table}\n{out}')


if __name__ == '__main__':
    sys.exit(main())
