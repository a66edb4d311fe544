"""What is installed, and what can be loaded."""

import argparse


def add_commands(commands) -> None:
    """Add ``doctor`` and ``models``."""
    doctor = commands.add_parser('doctor', help='say what is installed and what clashes; non-zero exit on a clash')
    doctor.set_defaults(run=_doctor)
    models = commands.add_parser('models', help='list the shipped configs')
    models.add_argument('pattern', nargs='?', default='*', help="shell pattern, e.g. 'vd/*'")
    models.set_defaults(run=_models)


def _doctor(_: argparse.Namespace) -> int:
    from mmvd.compat import inspect_stack

    report = inspect_stack()
    print('\n'.join(report.lines))
    for clash in report.clashes:
        print(f'CLASH: {clash}')
    print('no clash found' if not report.clashes else f'{len(report.clashes)} to mend')
    return 1 if report.clashes else 0


def _models(args: argparse.Namespace) -> int:
    from mmvd.apis import list_models

    names = list_models(args.pattern)
    print('\n'.join(names) or f'no name matches {args.pattern}')
    return 0 if names else 1
