#!/usr/bin/env python3
"""One of the trained probes as an ordinary mmpretrain classifier.

A checkpoint with a LinearClsHead, and the config to test it with.
"""

import argparse
import json
import sys
from pathlib import Path

from mmengine.config import Config

import mmvd  # noqa: F401  first: it arms safe loading
from mmvd.apis.configs import building
from mmvd.apis.loading import find_config
from mmvd.apis.packing import OF_TRAINING
from mmvd.datasets.probe_splits import TEST, class_names
from mmvd.errors import ConfigError, exit_code
from mmvd.models.weights import LEFT_OUT, load_checkpoint
from mmvd.registry import MODELS
from mmvd.saving import check_new, check_other, save_atomically, save_text


def choose(args: argparse.Namespace, meta: dict, count: int) -> int:
    """Number of the head to export: the one asked for, or the one that the result of the checkpoint's epoch reports.

    Raises:
        ConfigError: If there is no such head or no result of this very state.
    """
    if args.head is None:
        results = Path(args.checkpoint).parent / 'results'
        by_iteration = results / f'iter_{meta.get("iter")}.json'  # of loops without epochs
        path = by_iteration if by_iteration.is_file() else results / f'epoch_{meta.get("epoch")}.json'
        try:
            found = json.loads(path.read_text())
            args.head = found['result']['selected']['head']
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise ConfigError(
                f'{path}: no such file, or damaged ({error}); it would say which head of this checkpoint is best: '
                'name one with --head'
            ) from error
        if found.get('iter') != meta.get('iter'):
            raise ConfigError(
                f'{path}: is the result after {found.get("iter")} steps, but {args.checkpoint} is of step '
                f'{meta.get("iter")}: name a head with --head'
            )
    if not 0 <= args.head < count:
        raise ConfigError(f'--head {args.head}: the checkpoint has heads 0 to {count - 1}')
    return args.head


def read(args: argparse.Namespace) -> tuple[Config, dict, list]:
    """Config, checkpoint, and the settings of the heads, which must belong together.

    Raises:
        ConfigError: If they do not, or OUT would overwrite one of them, or other files without being told to.
    """
    config, checkpoint = find_config(args.config), load_checkpoint(args.checkpoint)
    if (config.model.get('head') or {}).get('type') != 'mmvd.LinearProbeHead':
        raise ConfigError(f'{args.config}: has no grid of linear probes (mmvd.LinearProbeHead)')
    with building('the head of the config'):
        head = MODELS.build(config.model.head)
    found = checkpoint.get('state_dict', {}).get('head.weight')
    if found is None or found.shape != head.weight.shape:
        shape = 'no probes' if found is None else f'probes of shape {tuple(found.shape)}'
        raise ConfigError(
            f'{args.checkpoint}: holds {shape}, {args.config} has {tuple(head.weight.shape)} (heads, classes, features)'
        )
    check_other(f'{args.out}.py', args.config)
    check_other(f'{args.out}.pth', args.checkpoint)
    for ending in ('py', 'pth'):
        check_new(Path(f'{args.out}.{ending}'), args.overwrite)
    return config, checkpoint, head.settings


def with_head(config: Config, shape: tuple[int, ...], meta: dict) -> Config:
    """The config of the ordinary classifier: its test set without the held-out part, and the names of its classes.

    Raises:
        ConfigError: If there is not exactly one test set.
    """
    config.model.head = dict(
        type='mmpretrain.LinearClsHead',
        num_classes=shape[0],
        in_channels=shape[1],
        loss=dict(type='mmpretrain.CrossEntropyLoss', loss_weight=1.0),
    )
    if not config.get('test_dataloader'):
        raise ConfigError(f'{config.filename}: has no test_dataloader, on whose data the classifier would be tested')
    test = config.test_dataloader.dataset
    if test.type == 'mmvd.KeyedConcat':
        parts = [part for part in test.datasets if part.get('split', TEST) == TEST]
        if len(parts) != 1:
            raise ConfigError(f'test_dataloader: {len(parts)} test sets where a classifier has one')
        part = parts[0]
        config.test_dataloader.dataset = dict(part, pipeline=test.get('pipeline', part.get('pipeline')))
    names = meta.get('dataset_meta') or {}
    config.class_names = list(class_names(names)) or None
    config.test_evaluator = dict(type='mmpretrain.Accuracy', topk=(1,))
    config.custom_hooks = [hook for hook in config.get('custom_hooks') or () if hook.type != 'mmvd.ProbeReportHook']
    for name in OF_TRAINING:
        config.pop(name, None)
    return config


def export(args: argparse.Namespace) -> str:
    """Write ``OUT.pth`` and ``OUT.py``; returns a line about them."""
    config, checkpoint, settings = read(args)
    state = dict(checkpoint['state_dict'])
    weight, bias = state.pop('head.weight'), state.pop('head.bias')
    meta = checkpoint.get('meta', {})
    head = choose(args, meta, len(weight))
    described = with_head(config, weight.shape[1:], meta)
    state.update({'head.fc.weight': weight[head].clone(), 'head.fc.bias': bias[head].clone()})
    save_atomically(
        {**{key: checkpoint[key] for key in ('meta', LEFT_OUT) if key in checkpoint}, 'state_dict': state},
        f'{args.out}.pth',
    )
    save_text(described.pretty_text, f'{args.out}.py')
    rate, dropout = settings[head]
    return f'head {head} (rate {rate:g}, dropout {dropout:g}): python tools/test.py {args.out}.py {args.out}.pth'


def main() -> int:
    """Parse the command line and export; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config that the probes were trained with')
    parser.add_argument('checkpoint', help='checkpoint of the probes')
    parser.add_argument('out', help='where the classifier goes, without ending')
    parser.add_argument('--head', type=int, help='number of the head; the reported one of its epoch by default')
    parser.add_argument('--overwrite', action='store_true', help='replace a classifier there')
    args = parser.parse_args()
    return exit_code(lambda: print(export(args)))


if __name__ == '__main__':
    sys.exit(main())
