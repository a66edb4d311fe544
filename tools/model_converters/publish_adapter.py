#!/usr/bin/env python3
"""Leave frozen weights and the state of the run out of a checkpoint.

Small to share, bound to what was left out by its SHA-256.
"""

import argparse
import sys
from pathlib import Path

import mmvd  # noqa: F401  first: it arms safe loading
from mmvd.errors import WeightsError, exit_code
from mmvd.models.weights import BACKBONE, LEFT_OUT, RGB, leave_out, load_checkpoint
from mmvd.saving import check_new, check_other, save_atomically


def main() -> int:
    """Parse the command line and convert; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('checkpoint', help='full checkpoint')
    parser.add_argument('out', help='where the adapter goes')
    parser.add_argument(
        '--part',
        choices=('rgb', 'backbone'),
        default='rgb',
        help='what to leave out: the RGB stream, or, of a downstream model, the whole frozen encoder',
    )
    parser.add_argument('--overwrite', action='store_true', help='replace a file there')
    args = parser.parse_args()
    return exit_code(lambda: publish(args))


def publish(args: argparse.Namespace) -> None:
    """Write the adapter and tell its size."""
    check_other(args.out, args.checkpoint)
    check_new(Path(args.out), args.overwrite)
    full = load_checkpoint(args.checkpoint)
    if LEFT_OUT in full:
        raise WeightsError(f'{args.checkpoint}: leaves out {full[LEFT_OUT]["part"].rstrip(".")}: name the full one')
    weights = dict(state_dict=full.get('state_dict', full), meta=full.get('meta', {}))
    adapter = leave_out(weights, dict(rgb=RGB, backbone=BACKBONE)[args.part])
    save_atomically(adapter, args.out)
    sizes = [Path(path).stat().st_size / 2**20 for path in (args.checkpoint, args.out)]
    print(
        f'{args.out}: {sizes[1]:.1f} MiB of {sizes[0]:.1f}, {args.part} left out with SHA-256 '
        f'{adapter[LEFT_OUT]["sha256"]}'
    )


if __name__ == '__main__':
    sys.exit(main())
