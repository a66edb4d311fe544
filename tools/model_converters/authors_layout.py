#!/usr/bin/env python3
"""Checkpoints of the authors' code to ours, and ours to theirs; gates with swapped names are put right.

With --verify the result is converted back and loaded, and both models answer the same input.
"""

import argparse
import sys
from pathlib import Path

import torch

import mmvd  # noqa: F401  first: it arms safe loading
from mmvd.apis.loading import build_filled, find_config
from mmvd.errors import ConfigError, WeightsError, exit_code
from mmvd.models.weights import LEFT_OUT, load_checkpoint, load_fully, tensors_of
from mmvd.models.weights.authors import from_authors, is_authors, to_authors
from mmvd.saving import check_new, check_other, save_atomically


def main() -> int:
    """Parse the command line and convert; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('checkpoint', help='a checkpoint in either layout; which one is told by its names')
    parser.add_argument('out', help='where the other one goes')
    parser.add_argument('--verify', metavar='CONFIG', help='config of the model, to hold outputs before and after')
    parser.add_argument('--overwrite', action='store_true', help='replace a file there')
    args = parser.parse_args()
    return exit_code(lambda: convert(args))


def convert(args: argparse.Namespace) -> None:
    """Convert, verify if asked for, and tell."""
    check_other(args.out, args.checkpoint)
    check_new(Path(args.out), args.overwrite)
    content = load_checkpoint(args.checkpoint)
    if LEFT_OUT in content:
        raise WeightsError(f'{args.checkpoint}: leaves out {content[LEFT_OUT]["part"].rstrip(".")}: name the full one')
    state = tensors_of(content, args.checkpoint)
    theirs = is_authors(state)
    converted = (from_authors if theirs else to_authors)(state, args.checkpoint)
    if args.verify:
        print(verify(args.verify, converted if theirs else state))
    save_atomically(dict(state_dict=converted), args.out)
    print(f'{args.out}: {len(converted)} tensors, {"ours" if theirs else "in the layout of the authors"}')


def verify(config: str, ours: dict) -> str:
    """The largest distance between what the model answers with our tensors and with those that went there and back.

    Raises:
        ConfigError: If they differ.
        WeightsError: If the tensors do not fill the model of the config.
    """
    config = find_config(config)
    config.model.backbone.init_cfg = None
    model = build_filled(config, None).eval()
    whole = any(key.startswith('head.') for key in ours)
    part = model if whole else model.backbone
    depth = model.backbone.depth_encoding.channels(5 * torch.rand(1, 1, 112, 112))
    inputs = torch.cat((torch.randn(1, 3, 112, 112), depth), 1)
    answers = []
    for state in (ours, from_authors(to_authors(ours, 'ours'), 'theirs')):
        state = state if whole else {key.removeprefix('backbone.'): value for key, value in state.items()}
        load_fully(part, state, 'the converted checkpoint')
        with torch.no_grad():
            found = part(inputs)
        answers.append(found if isinstance(found, tuple) else (found,))
    distance = max(float((a - b).abs().max()) for a, b in zip(*answers, strict=True))
    if distance > 0:
        raise ConfigError(f'outputs before and after differ by {distance:g}: the conversion is not one to one')
    return f'outputs before and after: {len(answers[0])} maps, largest distance {distance:g}'


if __name__ == '__main__':
    sys.exit(main())
