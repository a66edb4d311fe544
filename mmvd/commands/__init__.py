"""The commands of ``python -m mmvd``; each module adds some, and imports what they need only when they run."""

import argparse

from . import data, inference, pictures, stack


def make_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog='python -m mmvd', description='Vanishing Depth for OpenMMLab')
    commands = parser.add_subparsers(dest='command', required=True)
    for module in (stack, inference, pictures, data):
        module.add_commands(commands)
    return parser
