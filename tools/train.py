#!/usr/bin/env python3
"""Train from a config file, as everywhere in OpenMMLab."""

import argparse

import mmvd  # noqa: F401  first: it arms safe loading and the operator stand-ins
from mmvd.apis.launch import add_common_arguments, leave, load_config, running, set_speed
from mmvd.apis.resuming import set_resume
from mmvd.errors import exit_code


def main() -> int:
    """Parse the command line and train; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_common_arguments(parser)
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        help='go on from a checkpoint; without a path from the latest of the work dir',
    )
    parser.add_argument('--amp', action='store_true', help='bf16 autocast, without loss scaler; needs an accelerator')
    parser.add_argument('--compile', action='store_true', help="torch.compile the encoder's transformer blocks")
    args = parser.parse_args()
    return exit_code(lambda: train(args))


def train(args: argparse.Namespace) -> None:
    """Build the runner that the command line describes, and train."""
    config = load_config(args, training=True)
    set_speed(config, args.amp, args.compile)
    if args.resume or config.get('resume'):
        set_resume(config, args.resume or config.get('load_from') or 'auto')
    with running(config, training=True) as runner:
        runner.train()


if __name__ == '__main__':
    leave(main())
