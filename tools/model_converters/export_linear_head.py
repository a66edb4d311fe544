#!/usr/bin/env python3
"""One of the trained probes as an ordinary mmpretrain classifier: a checkpoint with a LinearClsHead, and the config to test it with."""
import argparse
import json
import sys
from pathlib import Path

from mmengine.config import Config

import mmvd  # noqa: F401  first: it arms safe loading
from mmvd.engine.atomic_backend import save_atomically
from mmvd.errors import ConfigError, exit_code
from mmvd.models.weights import load_checkpoint
from mmvd.registry import MODELS


def choose(args: argparse.Namespace, epoch: int, count: int) -> int:
    """Number of the head to export: the one asked for, or the one that the result of the checkpoint's epoch reports.

    Raises:
        ConfigError: If there is no such head or no result.
    """
    if args.head is None:
        path = Path(args.checkpoint).parent / 'results' / f'epoch_{epoch}.json'
        if not path.is_file():
            raise ConfigError(f'{path}: no such file, which would say which head of this checkpoint is best: name one with --head')
        args.head = json.loads(path.read_text())['result']['selected']['head']
    if not 0 <= args.head < count:
        raise ConfigError(f'--head {args.head}: the checkpoint has heads 0 to {count - 1}')
    return args.head


def export(args: argparse.Namespace) -> str:
    """Write ``OUT.pth`` and ``OUT.py``; returns a line about them."""
    config, checkpoint = Config.fromfile(args.config), load_checkpoint(args.checkpoint)
    state = dict(checkpoint['state_dict'])
    weight, bias = state.pop('head.weight'), state.pop('head.bias')
    head = choose(args, checkpoint['meta']['epoch'], len(weight))
    state.update({'head.fc.weight': weight[head].clone(), 'head.fc.bias': bias[head].clone()})
    rate, dropout = MODELS.build(config.model.head).settings[head]
    config.model.head = dict(type='mmpretrain.LinearClsHead', num_classes=weight.shape[1], in_channels=weight.shape[2],
                             loss=dict(type='mmpretrain.CrossEntropyLoss', loss_weight=1.0))
    test = config.test_dataloader.dataset
    if test.type == 'mmvd.KeyedConcat':  # the held-out part has done its work
        config.test_dataloader.dataset = dict(test.datasets[-1], pipeline=test.get('pipeline', test.datasets[-1].get('pipeline')))
    config.test_evaluator = dict(type='mmpretrain.Accuracy', topk=(1, ))
    config.custom_hooks = [hook for hook in config.custom_hooks if hook.type != 'mmvd.ProbeReportHook']
    for name in ('train_dataloader', 'val_dataloader', 'train_cfg', 'val_cfg', 'val_evaluator', 'optim_wrapper', 'param_scheduler'):
        config.pop(name, None)
    out = Path(args.out)
    save_atomically({**{key: checkpoint[key] for key in ('meta', 'left_out') if key in checkpoint}, 'state_dict': state}, out.with_suffix('.pth'))
    config.dump(out.with_suffix('.py'))
    return (f'head {head} (rate {rate:g}, dropout {dropout:g}): python tools/test.py {out.with_suffix(".py")} {out.with_suffix(".pth")}')


def main() -> int:
    """Parse the command line and export; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config that the probes were trained with')
    parser.add_argument('checkpoint', help='checkpoint of the probes')
    parser.add_argument('out', help='where the classifier goes, without ending')
    parser.add_argument('--head', type=int, help='number of the head; the reported one of its epoch by default')
    args = parser.parse_args()
    return exit_code(lambda: print(export(args)))


if __name__ == '__main__':
    sys.exit(main())
