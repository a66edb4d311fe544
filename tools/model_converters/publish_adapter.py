#!/usr/bin/env python3
"""Leave the frozen RGB stream out of a checkpoint: small to share, bound to the RGB weights by their SHA-256."""
import argparse
import sys
from pathlib import Path

import mmvd  # noqa: F401  first: it arms safe loading
from mmvd.engine.atomic_backend import save_atomically
from mmvd.errors import MMVDError
from mmvd.models.weights import load_checkpoint, strip_rgb


def main() -> int:
    """Parse the command line and convert; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('checkpoint', help='full checkpoint')
    parser.add_argument('out', help='where the adapter goes')
    args = parser.parse_args()
    try:
        adapter = strip_rgb(load_checkpoint(args.checkpoint))
        save_atomically(adapter, args.out)
    except MMVDError as error:
        print(f'{type(error).__name__}: {error}', file=sys.stderr)
        return 2
    sizes = [Path(path).stat().st_size / 2**20 for path in (args.checkpoint, args.out)]
    print(f'{args.out}: {sizes[1]:.1f} MiB of {sizes[0]:.1f}, RGB left out with SHA-256 {adapter["rgb_sha256"]}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
