#!/usr/bin/env python3
"""Frozen VD beside its RGB-only twin on the built-in rooms, ordinary and with shuffled textures, over several seeds.

One table with spread.

Goes on where it was interrupted: a run whose last checkpoint is there is not trained again, if it was trained with
the same config and encoder.
"""

import argparse
import json
import sys
from functools import lru_cache
from pathlib import Path

import mmvd  # noqa: F401  first: it arms safe loading and the operator stand-ins
from mmvd.apis.configs import read_config
from mmvd.errors import MissingInputsError, exit_code
from mmvd.evaluation.robustness import Alteration

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
from tools.analysis.probe_features import features_of, grid_accuracy, logistic_regression  # noqa: E402
from tools.analysis.robustness import evaluate  # noqa: E402
from tools.analysis.tables import check_runs, train_once, with_spread, write_rows  # noqa: E402

TEXTURES = dict(ordinary=False, shuffled=True)
PRETRAINED = dict(vits14='pretrained RGB', vits14_random='random RGB')
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')


def train(path: Path, folder: Path, options: dict) -> Path:
    """Train a config with options once; the last checkpoint."""
    config = read_config(path)
    config.merge_from_dict(options)
    return train_once(config, folder)


def seeded(seed: int, textures: str) -> dict:
    """Options of a segmentation config for a seed and textures of a kind."""
    return {'randomness.seed': seed, **{f'{each}.dataset.shuffle_textures': TEXTURES[textures] for each in LOADERS}}


def segment(path: Path, folder: Path, options: dict, alterations: list[Alteration]) -> list[float]:
    """MIoU of a segmentor that is trained once, under each alteration of its depth at test."""
    checkpoint, config = train(path, folder, options), read_config(path)
    config.merge_from_dict(options)
    config.work_dir = str(folder / 'test')
    return [row['mIoU'] for row in evaluate(config, str(checkpoint), alterations)]


def segmentation(args: argparse.Namespace, seed: int, textures: str) -> dict[str, float]:
    """MIoU of the three rows of one run."""
    values = {}
    for name, labels in (('vd', ('frozen VD', 'frozen VD, depth removed at test')), ('rgb', ('RGB-only twin',))):
        path = ROOT / f'configs/seg/m2f_{name}_rooms.py'
        alterations = [Alteration(), Alteration(1.0)][: len(labels)]
        folder = Path(args.work_dir) / f'{name}_{textures}_{seed}'
        found = segment(path, folder, seeded(seed, textures), alterations)
        values.update(zip(labels, found, strict=True))
    return values


def rgb_pretraining(args: argparse.Namespace, seed: int, textures: str) -> dict[str, float]:
    """MIoU on frozen VD whose RGB stream is really pretrained, and on its random twin (tools/analysis/ablation.py)."""
    values, path = {}, ROOT / 'configs/seg/m2f_vd_vits14_rooms.py'
    for name, label in PRETRAINED.items():
        options = dict(seeded(seed, textures), **{'model.backbone.init_cfg.checkpoint': pretrained(args, name, seed)})
        folder = Path(args.work_dir) / f'{name}_{textures}_{seed}'
        found = segment(path, folder, options, [Alteration(), Alteration(1.0)])
        values.update(zip((label, f'{label}, depth removed at test'), found, strict=True))
    return values


def pretrained(args: argparse.Namespace, name: str, seed: int) -> str:
    """The encoder that tools/analysis/ablation.py has trained."""
    return f'{args.encoders}/pretrain_{name}_rooms/dinov2_pde32_fix_15m_{seed}/epoch_3.pth'


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
    config = read_config(path)
    config.merge_from_dict(shuffled(textures))
    train_features, evaluated = features_of(config, f'{work_dir}/features', 'cpu')
    return {
        'no augmentation, best of 84': grid_accuracy(config, train_features, evaluated)[1],
        'no augmentation, logistic regression': logistic_regression(train_features, evaluated.part(True)),
    }


TASKS = dict(
    segmentation=(segmentation, 'mIoU in %'),
    rgb_pretraining=(rgb_pretraining, 'mIoU in %'),
    classification=(classification, 'accuracy in %'),
)


def main() -> int:
    """Parse the command line, train, write the table; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('task', choices=TASKS)
    parser.add_argument('--textures', nargs='+', choices=TEXTURES, default=list(TEXTURES))
    parser.add_argument('--seeds', nargs='+', type=int, default=[0, 1, 2])
    parser.add_argument('--encoders', default='work_dirs/ablation', help='of rgb_pretraining: work dir of ablation.py')
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
    check_runs(args.seeds, args.out)
    if args.task == 'rgb_pretraining':  # an encoder that is missing is told of before the first training
        paths = [pretrained(args, name, seed) for seed in args.seeds for name in PRETRAINED]
        gone = next((path for path in paths if not Path(path).is_file()), None)
        if gone:
            raise MissingInputsError(f'{gone}: no such encoder: train it by tools/analysis/ablation.py')
    for textures in args.textures:
        runs = [run(args, seed, textures) for seed in args.seeds]
        for name in runs[0]:
            values = [run[name] for run in runs]
            mean, spread = with_spread(values)
            rows.append(
                dict(
                    textures=textures,
                    model=name,
                    mean=f'{mean:.2f}',
                    std=f'{spread:.2f}',
                    **{f'seed{seed}': f'{value:.2f}' for seed, value in zip(args.seeds, values, strict=True)},
                    unit=unit,
                )
            )
            each = ' '.join(f'{value:.2f}' for value in values)
            print(f'{textures:<10}{name:<44}{mean:7.2f} +- {spread:.2f}   ({each})', flush=True)
        write_rows(Path(args.out), rows)
    print(args.out)


if __name__ == '__main__':
    sys.exit(main())
