"""``python -m mmvd``: the command line."""

import sys

from mmvd.commands import make_parser
from mmvd.errors import exit_code


def main() -> int:
    """Parse the command line and run one command; returns the exit code."""
    args = make_parser().parse_args()
    return exit_code(lambda: args.run(args))


if __name__ == '__main__':
    sys.exit(main())
