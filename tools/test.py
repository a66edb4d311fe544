#!/usr/bin/env python3
"""Evaluate a checkpoint, as everywhere in OpenMMLab."""

import argparse

import mmvd  # noqa: F401  first: it arms safe loading and the operator stand-ins
from mmvd.apis.launch import add_common_arguments, leave, load_config, running
from mmvd.errors import ConfigError, exit_code
from mmvd.registry import MODELS


def main() -> int:
    """Parse the command line and evaluate; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_common_arguments(parser)
    parser.add_argument('checkpoint', nargs='?', help='checkpoint to evaluate; none for predictions on disk')
    args = parser.parse_intermixed_args()  # options may stand before the checkpoint
    return exit_code(lambda: test(args))


def test(args: argparse.Namespace) -> None:
    """Build the runner that the command line describes, and evaluate."""
    config = load_config(args)
    if args.checkpoint is None and getattr(MODELS.get(config.model.type), 'NEEDS_WEIGHTS', True):
        raise ConfigError(f'{args.config}: name the checkpoint to evaluate, after the config')
    config.load_from, config.resume = args.checkpoint, False  # that of a resumed training goes on with it
    with running(config, training=False) as runner:
        runner.test()


if __name__ == '__main__':
    leave(main())
