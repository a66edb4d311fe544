#!/usr/bin/env python3
"""Frozen VD beside its RGB-only twin on the built-in rooms, ordinary and with shuffled textures, over several seeds.

One table with spread.

Goes on where it was interrupted: a run whose last checkpoint is there is not trained again, if it was trained with the
    same config and encoder.
"""

import argparse
import csv
import hashlib
import json
import statistics
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

import mmvd  # noqa: F401  first: it arms safe loading and the operator stand-ins
from mmvd.apis.configs import read_config
from mmvd.apis.timing import device_name
from mmvd.compat import inspect_versions
from mmvd.errors import ConfigError, exit_code

ROOT = Path(__file__).parents[2]
TEXTURES = dict(ordinary=False, shuffled=True)


def train(config: Path, folder: Path, options: dict) -> Path:
    """Train unless it is done; the last checkpoint.

    Raises:
        ConfigError: If the folder holds a training with another config or encoder, or the training fails.
    """
    settings = read_config(config)
    settings.merge_from_dict(options)
    encoder = ROOT / settings.model.backbone.init_cfg.checkpoint
    if not encoder.is_file():
        raise ConfigError(f'{encoder}: no such checkpoint, run make pretrain first')
    stamp, wanted = (
        folder / 'trained_with.txt',
        f'{hashlib.sha256(encoder.read_bytes()).hexdigest()}\n{settings.pretty_text}',
    )
    if folder.is_dir() and not (stamp.is_file() and stamp.read_text() == wanted):
        raise ConfigError(
            f'{folder}: holds a training with another config or encoder: delete it, or choose another --work-dir'
        )
    folder.mkdir(parents=True, exist_ok=True)
    stamp.write_text(wanted)
    last = folder / f'epoch_{settings.train_cfg.max_epochs}.pth'
    if not last.is_file():
        print(f'{folder.name} ...', file=sys.stderr, flush=True)
        done = subprocess.run(
            [
                sys.executable,
                'tools/train.py',
                str(config),
                '--work-dir',
                str(folder),
                '--resume',
                '--cfg-options',
                *(f'{key}={value}' for key, value in options.items()),
            ],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
        )
        if done.returncode:
            raise ConfigError(f'{folder.name}: the training ended with {done.returncode}, its message is above')
    return last


def segmentation(args: argparse.Namespace, seed: int, textures: str) -> dict[str, float]:
    """MIoU of the three rows of one run."""
    from mmvd.evaluation.robustness import Alteration
    from tools.analysis.robustness import evaluate

    values, loaders = {}, ('train_dataloader', 'val_dataloader', 'test_dataloader')
    data = {f'{loader}.dataset.shuffle_textures': TEXTURES[textures] for loader in loaders}
    for name in ('vd', 'rgb'):
        path = ROOT / f'configs/seg/m2f_{name}_rooms.py'
        folder = Path(args.work_dir) / f'{name}_{textures}_{seed}'
        checkpoint = train(path, folder, {'randomness.seed': seed, **data})
        config = read_config(path)
        config.merge_from_dict(data)
        config.work_dir = str(folder / 'test')
        rows = evaluate(config, str(checkpoint), [Alteration(), Alteration(1.0)] if name == 'vd' else [Alteration()])
        values.update(
            zip(
                ('frozen VD', 'frozen VD, depth removed at test') if name == 'vd' else ('RGB-only twin',),
                (row['mIoU'] for row in rows),
                strict=True,
            )
        )
    return values


def shuffled(textures: str) -> dict:
    """Options of a classification config for textures of a kind."""
    parts = ('train_dataloader.dataset', *(f'val_dataloader.dataset.datasets.{part}' for part in (0, 1)))
    return {f'{part}.shuffle_textures': TEXTURES[textures] for part in parts}


def classification(args: argparse.Namespace, seed: int, textures: str) -> dict[str, float]:
    """Accuracy of the head chosen on held-out rooms and of the best one, of frozen VD and its twin.

    Logistic regression as a yardstick.
    """
    values = {}
    for name, label in (('vd', 'frozen VD'), ('rgb', 'RGB-only twin')):
        path, folder = ROOT / f'configs/cls/linear84_{name}_rooms.py', Path(args.work_dir) / f'{name}_{textures}_{seed}'
        last = train(path, folder, {'randomness.seed': seed, 'model.head.seed': seed, **shuffled(textures)})
        result = json.loads((folder / 'results' / f'{last.stem}.json').read_text())['result']
        values[label] = result['selected_on_holdout']['test']
        values[f'{label}, best of 84 on the test rooms'] = result['best_on_test']['test']
        values.update({f'{label}, {what}': value for what, value in on_features(path, textures, args.work_dir).items()})
    return values


@lru_cache
def on_features(path: Path, textures: str, work_dir: str) -> dict[str, float]:
    """The grid and scikit-learn's logistic regression on the same features, without augmentation.

    No seed has a part in it.
    """
    from tools.analysis.probe_features import features_of, grid_accuracy, logistic_regression

    config = read_config(path)
    config.merge_from_dict(shuffled(textures))
    train_features, evaluated = features_of(config, f'{work_dir}/features', 'cpu')
    return {
        'no augmentation, best of 84': grid_accuracy(config, train_features, evaluated)[1],
        'no augmentation, logistic regression': logistic_regression(train_features, evaluated.part(True)),
    }


TASKS = dict(segmentation=(segmentation, 'mIoU in %'), classification=(classification, 'accuracy in %'))


def write(path: Path, rows: list[dict]) -> None:
    """CSV with machine, versions and command."""
    path.parent.mkdir(parents=True, exist_ok=True)
    import torch

    common = dict(
        device=device_name(torch.device('cpu')),
        torch=inspect_versions()['torch'],
        command=' '.join(['python', *sys.argv]),
    )
    with path.open('w', newline='') as file:
        writer = csv.DictWriter(file, [*rows[0], *common])
        writer.writeheader()
        writer.writerows(dict(row, **common) for row in rows)


def main() -> int:
    """Parse the command line, train, write the table; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('task', choices=TASKS)
    parser.add_argument('--textures', nargs='+', choices=TEXTURES, default=list(TEXTURES))
    parser.add_argument('--seeds', nargs='+', type=int, default=[0, 1, 2])
    parser.add_argument('--work-dir', help='work_dirs/rooms_<task> by default')
    parser.add_argument('--out', help='CSV; <task>.csv in the work dir by default')
    args = parser.parse_args()
    args.work_dir = args.work_dir or f'work_dirs/rooms_{args.task}'
    args.out = args.out or f'{args.work_dir}/{args.task}.csv'
    return exit_code(lambda: make_table(args))


def make_table(args: argparse.Namespace) -> None:
    """Train what is not trained yet, print and write."""
    run, unit = TASKS[args.task]
    rows = []
    for textures in args.textures:
        runs = [run(args, seed, textures) for seed in args.seeds]
        for name in runs[0]:
            values = [run[name] for run in runs]
            spread = statistics.stdev(values) if len(values) > 1 else float('nan')
            rows.append(
                dict(
                    textures=textures,
                    model=name,
                    mean=f'{statistics.mean(values):.2f}',
                    std=f'{spread:.2f}',
                    **{f'seed{seed}': f'{value:.2f}' for seed, value in zip(args.seeds, values, strict=True)},
                    unit=unit,
                )
            )
            each = ' '.join(f'{value:.2f}' for value in values)
            print(f'{textures:<10}{name:<44}{statistics.mean(values):7.2f} +- {spread:.2f}   ({each})', flush=True)
        write(Path(args.out), rows)
    print(args.out)


if __name__ == '__main__':
    sys.path.insert(0, str(ROOT))
    sys.exit(main())
