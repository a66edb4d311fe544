"""``python -m mmvd``: the command line."""
import argparse
import sys


def _doctor() -> int:
    from mmvd.compat import inspect_stack
    report = inspect_stack()
    print('\n'.join(report.lines))
    for clash in report.clashes:
        print(f'CLASH: {clash}')
    print('no clash found' if not report.clashes else f'{len(report.clashes)} to mend')
    return 1 if report.clashes else 0


def main() -> int:
    """Parse the command line and run one command; returns the exit code."""
    parser = argparse.ArgumentParser(prog='python -m mmvd', description='Vanishing Depth for OpenMMLab')
    commands = parser.add_subparsers(dest='command', required=True)
    commands.add_parser('doctor', help='say what is installed and what clashes; non-zero exit on a clash')
    parser.parse_args()
    return _doctor()


if __name__ == '__main__':
    sys.exit(main())
