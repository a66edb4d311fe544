"""Commands, run as a user runs them, but in this process: a new one imports torch for seconds."""

import contextlib
import io
import os
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

from tests.conftest import ROOT


def script(name: str, *arguments: object, **environment: str) -> subprocess.CompletedProcess:
    """Run ``tools/<name>.py`` in the checkout; returns its exit code and what it printed."""
    path, before = ROOT / f'tools/{name}.py', set(sys.modules)
    try:
        with patch.object(sys, 'path', [str(path.parent), *sys.path]):
            return _run(lambda: runpy.run_path(str(path), run_name='__main__'), path, arguments, environment)
    finally:
        for module in set(sys.modules) - before:  # a neighbour's name, e.g. verify, means another file elsewhere
            file = getattr(sys.modules[module], '__file__', None)
            if file and Path(file).parent == path.parent:
                del sys.modules[module]


def command(*arguments: object, **environment: str) -> subprocess.CompletedProcess:
    """Run ``python -m mmvd`` in the checkout; returns its exit code and what it printed."""
    return _run(lambda: runpy.run_module('mmvd', run_name='__main__'), ROOT / 'mmvd', arguments, environment)


def _run(body: Callable, path: Path, arguments: tuple, environment: dict) -> subprocess.CompletedProcess:
    out, err, code = io.StringIO(), io.StringIO(), 0
    with (
        patch.object(sys, 'argv', [str(path), *map(str, arguments)]),
        patch.dict(os.environ, environment),
        contextlib.chdir(ROOT),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            body()
        except SystemExit as end:
            code = end.code or 0
    if isinstance(code, str):
        print(code, file=err)
        code = 1
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())
