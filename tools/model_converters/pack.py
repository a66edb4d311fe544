#!/usr/bin/env python3
"""Pack a trained model into one folder that opens anywhere: safetensors, the whole config, provenance, SHA-256."""

import argparse
import sys
from pathlib import Path

import mmvd  # noqa: F401  first: it arms safe loading and the operator stand-ins
from mmvd.apis.loading import build_filled, open_model
from mmvd.apis.packing import WEIGHTS, pack
from mmvd.errors import ConfigError, exit_code
from mmvd.models import DepthCompleter


def main() -> int:
    """Parse the command line and pack; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config file or name of the model')
    parser.add_argument('checkpoint', help='its checkpoint')
    parser.add_argument('out', help='folder to make')
    parser.add_argument('--overwrite', action='store_true', help='replace a packed model there')
    args = parser.parse_args()
    if not args.out:
        parser.error('the folder to make has no name')
    return exit_code(lambda: print(run(args)))


def run(args: argparse.Namespace) -> str:
    """Pack, and open what was packed; returns a line about it."""
    config, checkpoint = open_model(args.config, args.checkpoint)
    model = build_filled(config, checkpoint)
    card = pack(model, config, args.out, Path(args.checkpoint).name, args.overwrite)
    packed, weights = open_model(args.out)
    again = build_filled(packed, weights).state_dict()
    if any(not value.equal(again[name]) for name, value in model.state_dict().items()):
        raise ConfigError(f'{args.out}: what was packed does not open as the same model')
    size = Path(args.out, WEIGHTS).stat().st_size / 2**20
    return (
        f'{args.out}: {card["model"]}, {card["parameters"]:,} parameters, {size:.1f} MiB, SHA-256 '
        f'{card["sha256"][WEIGHTS]}' + ('; opens with mmvd.load_model' if isinstance(model, DepthCompleter) else '')
    )


if __name__ == '__main__':
    sys.exit(main())
