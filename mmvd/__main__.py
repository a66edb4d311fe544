"""``python -m mmvd``: the command line."""

import io
import os
import sys

from mmvd.commands import make_parser
from mmvd.errors import exit_code


def main() -> int:
    """Parse the command line and run one command; returns the exit code."""
    args = make_parser().parse_args()
    try:
        return exit_code(lambda: args.run(args))
    except BrokenPipeError:  # who read our lines has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


if __name__ == '__main__':
    if isinstance(sys.stdout, io.TextIOWrapper):  # names of files may be of any letters and bytes
        sys.stdout.reconfigure(errors='backslashreplace')
    sys.exit(main())
