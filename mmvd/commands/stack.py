"""What is installed, and what can be loaded."""

import argparse


def add_commands(commands) -> None:
    """Add ``doctor``, ``models`` and ``run``."""
    doctor = commands.add_parser('doctor', help='say what is installed and what clashes; non-zero exit on a clash')
    doctor.set_defaults(run=_doctor)
    models = commands.add_parser('models', help='list the shipped configs')
    models.add_argument('pattern', nargs='?', default='*', help="shell pattern, e.g. 'vd/*'")
    models.set_defaults(run=_models)
    script = commands.add_parser('run', help="run a host's script where mmcv has no compiled operators")
    script.add_argument('script', help="e.g. mmdet's tools/test.py, which imports operators before it reads the config")
    script.add_argument('arguments', nargs=argparse.REMAINDER, help='its arguments')
    script.set_defaults(run=_run)


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


def _run(args: argparse.Namespace) -> int:
    """The import of mmvd, which started this command, has armed the stand-ins."""
    import runpy
    import sys
    from pathlib import Path

    from mmvd.errors import ConfigError

    if not Path(args.script).is_file():
        raise ConfigError(f'{args.script}: no such script')
    sys.argv = [args.script, *args.arguments]
    sys.path.insert(0, str(Path(args.script).parent))
    runpy.run_path(args.script, run_name='__main__')
    return 0
