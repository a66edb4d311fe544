#!/usr/bin/env python3
"""Export encoder or completer at a fixed size with torch.export (.pt2) or as ONNX (.onnx), and compare with eager."""

import argparse
import sys

import mmvd  # first: it arms safe loading and the operator stand-ins
from mmvd.apis.exporting import PARTS, export
from mmvd.commands.inference import require_weights
from mmvd.errors import exit_code


def main() -> int:
    """Parse the command line and export; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('model', help='packed folder, config file or name of a config')
    parser.add_argument('out', help='file to make; its ending, .pt2 or .onnx, says the format')
    parser.add_argument('--checkpoint', help='weights of the whole model; a packed folder brings them')
    parser.add_argument('--part', choices=PARTS, default='completer', help='what to export; completer by default')
    parser.add_argument(
        '--size', type=int, nargs=2, metavar=('HEIGHT', 'WIDTH'), default=(224, 224), help='224 224 by default'
    )
    args = parser.parse_args()
    return exit_code(lambda: run(args))


def run(args: argparse.Namespace) -> None:
    """Export and tell the distance to eager."""
    require_weights(args)
    model = mmvd.load_model(args.model, args.checkpoint, 'cpu')
    distance = export(model, args.part, tuple(args.size), args.out)
    print(
        f'{args.out}: {args.part} at {args.size[0]}x{args.size[1]}; largest distance to eager '
        f'{distance["max_abs"]:.3g} ({distance["max_rel"]:.3g} of the largest value)'
    )


if __name__ == '__main__':
    sys.exit(main())
