"""Scripts of tools/, run as a user runs them, but in this process: a new one imports torch for seconds."""

import contextlib
import io
import os
import runpy
import subprocess
import sys
from pathlib import Path
from unittest.mock import patch

from tests.conftest import ROOT


def script(name: str, *arguments: object, **environment: str) -> subprocess.CompletedProcess:
    """Run ``tools/<name>.py`` in the checkout; returns its exit code and what it printed."""
    path, out, err = ROOT / f'tools/{name}.py', io.StringIO(), io.StringIO()
    with (
        patch.object(sys, 'argv', [str(path), *map(str, arguments)]),
        patch.object(sys, 'path', [str(path.parent), *sys.path]),
        patch.dict(os.environ, environment),
        contextlib.chdir(ROOT),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        before = set(sys.modules)
        try:
            runpy.run_path(str(path), run_name='__main__')
            code = 0
        except SystemExit as end:
            code = end.code or 0
        finally:
            for module in set(sys.modules) - before:  # a neighbour's name, e.g. verify, means another file elsewhere
                file = getattr(sys.modules[module], '__file__', None)
                if file and Path(file).parent == path.parent:
                    del sys.modules[module]
    if isinstance(code, str):
        print(code, file=err)
        code = 1
    return subprocess.CompletedProcess(sys.argv, code, out.getvalue(), err.getvalue())
