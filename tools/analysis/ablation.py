#!/usr/bin/env python3
"""Rows of the paper's Table 1, trained and evaluated at a chosen budget, in the layout of Tables 1 and 8.

Each row is a config of ``configs/vd/ablation``. A budget is any pretraining config: model size, data and schedule are
its own, depth encoding and range those of the row. Goes on where it was interrupted.
"""

import argparse
import sys
from copy import deepcopy
from pathlib import Path

from mmengine.config import Config
from mmengine.fileio import load
from mmengine.runner import Runner

import mmvd  # noqa: F401  first: it arms safe loading and the operator stand-ins
from mmvd.apis.configs import read_config
from mmvd.apis.devices import find_device
from mmvd.apis.loading import build_filled
from mmvd.errors import ConfigError, exit_code
from mmvd.evaluation.completion_curves import area_per_width, changes, completion_curves, rgb_shares
from mmvd.saving import save_json

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
from tools.analysis.tables import check_runs, check_tested, train_once, weights_hash, with_spread, write_rows  # noqa: E402

ROWS, PAPER_SETS = ROOT / 'configs/vd/ablation', ('cityscapes', 'nyuv2', 'void', 'lm')


def find_row(name: str) -> Path:
    """A config by its path, or by its name in ``configs/vd/ablation``.

    Raises:
        ConfigError: If there is none.
    """
    path = Path(name) if name.endswith('.py') else ROWS / f'{name}.py'
    if not path.is_file():
        known = ', '.join(sorted(row.stem for row in ROWS.glob('*.py')))
        raise ConfigError(f'{path}: no such config; the rows of Table 1 are {known}')
    return path


def at_budget(row: Config, budget: Config | None) -> Config:
    """The budget's config with the depth encoding, the range and, if nothing is frozen, the start of a row.

    The row itself without a budget.

    Raises:
        ConfigError: If one is no depth completer, or the row is of another encoder than the budget.
    """
    for config in filter(None, (row, budget)):
        if config.get('model', {}).get('type') != 'mmvd.DepthCompleter' or 'train_cfg' not in config:
            raise ConfigError(f'{config.filename}: no config that pretrains an mmvd.DepthCompleter')
    if budget is None:
        return row
    mine, theirs = encoder_of(row), encoder_of(budget)
    if mine != theirs:
        raise ConfigError(
            f'{Path(row.filename).name}: a row of {mine}, the budget {Path(budget.filename).name} trains {theirs}: '
            'name a budget of that encoder'
        )
    config = deepcopy(budget)
    config.model.data_preprocessor = row.model.data_preprocessor
    config.model.backbone.depth_encoding = row.model.backbone.depth_encoding
    if row.model.backbone.get('frozen') == 'none':  # the row without RGB pretraining
        config.model.backbone.update(frozen='none', init_cfg=None)
    for name in ('max_depth', 'num_axes'):
        if name in row.model.head:
            config.model.head[name] = row.model.head[name]
    return config


def encoder_of(config: Config) -> str:
    """What kind of encoder a config trains, by the names of its classes."""
    backbone = config.model.backbone
    stream = backbone.get('rgb') or dict(type='mmvd.ViTStream')
    return ' '.join(filter(None, (backbone.type, stream['type'], stream.get('model_name'))))


def numbers_of(config: Config, checkpoint: Path) -> dict[str, float]:
    """What a training reached: areas over densities and scales in mm, swapped RGB, RGB shares in percent."""
    kept = checkpoint.parent / 'results/ablation.json'
    if kept.is_file():
        return load(str(kept))
    model = build_filled(config, checkpoint).to(find_device(None)).eval()
    loader = Runner.build_dataloader(config.test_dataloader, seed=0)
    rows = completion_curves(model, loader, changes(('density', 'scale')))
    swapped = load(str(checkpoint.parent / f'results/{checkpoint.stem}.json'))['result']['probes']
    numbers = dict(
        densities_mm=area_per_width(rows, 'density'),
        scales_mm=area_per_width(rows, 'scale'),
        swapped_rgb_percent=100 * (swapped['swapped_rgb_rmse_mm'] / swapped['probe_rmse_mm'] - 1),
        **{f'rgb_share_{k}_percent': share for k, share in enumerate(rgb_shares(model, loader), 1)},
    )
    save_json(numbers, kept)
    return numbers


def folder_of(args: argparse.Namespace) -> Path:
    """Where the trainings of a budget lie."""
    return Path(args.work_dir) / (Path(args.budget).stem if args.budget else 'paper')


def config_of(args: argparse.Namespace, name: str) -> Config:
    """What is trained for a row."""
    budget = read_config(args.budget) if args.budget else None
    config = at_budget(read_config(find_row(name)), budget)
    config.pop('paper', None)
    return config


def train_and_measure(args: argparse.Namespace, name: str) -> dict[str, list[float]]:
    """Numbers of a row, one for each seed."""
    config, runs = config_of(args, name), []
    for seed in args.seeds:
        config.randomness = dict(config.get('randomness', {}), seed=seed)
        runs.append(numbers_of(config, train_once(config, folder_of(args) / f'{Path(name).stem}_{seed}')))
    return {key: [run[key] for run in runs] for key in runs[0]}


def row_of(name: str, numbers: dict[str, list[float]]) -> dict:
    """A line of the CSV: means and spreads of this run, then the paper's numbers."""
    row = dict(row=Path(name).stem)
    for key, values in numbers.items():
        mean, spread = with_spread(values)
        row.update(
            {key: f'{mean:.2f}', f'{key}_std': f'{spread:.2f}', f'{key}_each': ' '.join(f'{v:.2f}' for v in values)}
        )
    paper = read_config(find_row(name)).get('paper', {})
    row.update({f'paper_{test_set}_auc_mm': paper.get('auc_rmse_mm', {}).get(test_set, '') for test_set in PAPER_SETS})
    row['paper_rgb_share_percent'] = ' '.join(f'{share:g}' for share in paper.get('rgb_share_percent', []))
    return row


def format_table(rows: list[dict]) -> str:
    """Tables 1 and 8: what was trained here, then the paper's own columns: other data, a larger budget."""
    lines = [
        f'{"":<28}{"here: RMSE [mm], mean over":>40}{"swapped":>10}{"RGB share [%]":>22} | the paper: AUC RMSE [mm]',
        f'{"row":<28}{"densities":>20}{"scales":>20}{"RGB [%]":>10}{"fusion 1 2 3 4":>22} | '
        + ''.join(f'{name:>11}' for name in PAPER_SETS),
    ]
    for row in rows:
        spreads = (f'{row[key]} +- {row[f"{key}_std"]}' for key in ('densities_mm', 'scales_mm'))
        found = (row.get(f'rgb_share_{k}_percent') for k in range(1, 5))
        shares = ' '.join(f'{float(share):.0f}' for share in found if share) or '-'
        paper = ''.join(f'{row[f"paper_{name}_auc_mm"]:>11}' for name in PAPER_SETS)
        cells = ''.join(f'{cell:>20}' for cell in spreads)
        lines.append(f'{row["row"]:<28}{cells}{row["swapped_rgb_percent"]:>10}{shares:>22} | {paper}')
    return '\n'.join(lines)


def main() -> int:
    """Parse the command line, train, print and write; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('rows', nargs='*', help='names in configs/vd/ablation, or configs; all of them by default')
    parser.add_argument('--budget', help='pretraining config that sets model size, data and schedule of all rows')
    parser.add_argument('--seeds', nargs='+', type=int, default=[0])
    parser.add_argument('--work-dir', default='work_dirs/ablation')
    parser.add_argument('--out', help="CSV; ablation.csv in the budget's folder of the work dir by default")
    args = parser.parse_args()
    return exit_code(lambda: make_table(args))


def chosen_rows(names: list[str], budget: str | None) -> list[str]:
    """The named rows, or all that a budget can train; what does not fit is told before anything is trained.

    Raises:
        ConfigError: If a named row does not fit the budget, or two rows are the same there.
    """
    base, first = read_config(budget) if budget else None, {}
    for name in names or sorted(path.stem for path in ROWS.glob('*.py')):
        row = read_config(find_row(name))
        if not names and base is not None and encoder_of(row) != encoder_of(base):
            continue
        model = repr(at_budget(row, base).model)
        if first.setdefault(model, name) != name and names:
            raise ConfigError(f'{name} and {first[model]} train the same model at this budget: leave one of them out')
    return list(first.values())


def make_table(args: argparse.Namespace) -> None:
    """Train what is not trained yet, print and write."""
    out, rows, names = Path(args.out or f'{folder_of(args)}/ablation.csv'), [], chosen_rows(args.rows, args.budget)
    check_runs(args.seeds, out)
    for config in [config_of(args, name) for name in names]:  # what is missing is told before the first training
        check_tested(config)
        weights_hash(config)
    for name in names:
        rows.append(row_of(name, train_and_measure(args, name)))
        write_rows(out, rows)
    print(f'{format_table(rows)}\n{out}')


if __name__ == '__main__':
    sys.exit(main())
