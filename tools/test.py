#!/usr/bin/env python3
"""Evaluate a checkpoint, as everywhere in OpenMMLab."""
import argparse
import sys

import mmvd  # noqa: F401  first: it arms safe loading and the operator stand-ins
from mmvd.apis.launch import add_common_arguments, build_runner, describe, load_config
from mmvd.errors import MMVDError


def main() -> int:
    """Parse the command line and evaluate; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_common_arguments(parser)
    parser.add_argument('checkpoint', help='checkpoint to evaluate')
    args = parser.parse_args()
    try:
        config = load_config(args)
        config.load_from = args.checkpoint
        build_runner(config, training=False).test()
    except MMVDError as error:
        print(describe(error), file=sys.stderr)
        return 2
    return 0


if __name__ == '__main__':
    sys.exit(main())
