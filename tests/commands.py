"""Commands, run as a user runs them, but where torch is imported already: a new process takes seconds for that."""

import contextlib
import io
import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
import torch

import mmvd.datasets  # noqa: F401  before the environment is handed on: OpenCV's EXR reader is switched on there
from tests.conftest import ROOT

# What has a runner leaves signals, loggers and generators behind: it gets a process of its own, forked from one that
# has done nothing but these imports. Unlike new ones, they hash text alike and run no exit functions.
_CLEAN = multiprocessing.get_context('forkserver')
_CLEAN.set_forkserver_preload(['mmvd.apis.launch', 'mmvd.models', 'mmvd.datasets', 'mmvd.engine', 'tests.commands'])


def forked(path: str, *arguments: object, **environment: str) -> subprocess.CompletedProcess:
    """Run a script of the checkout in a clean process; returns its exit code and what it printed."""
    with tempfile.TemporaryDirectory() as folder:
        printed = [Path(folder, name) for name in ('out', 'err')]
        words = [str(ROOT / path), *map(str, arguments)]
        child = _CLEAN.Process(target=_become, args=(words, {**os.environ, **environment}, printed))
        child.start()
        child.join()
        return subprocess.CompletedProcess(words, child.exitcode, *(file.read_text() for file in printed))


def _become(words: list[str], environment: dict[str, str], printed: list[Path]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(ROOT)
    for number, file in enumerate(printed, 1):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT), number)
    sys.argv = words
    given = [str(Path(words[0]).parent), *filter(None, environment.get('PYTHONPATH', '').split(os.pathsep))]
    sys.path = given + [path for path in sys.path if path not in ('', str(ROOT))]
    torch.set_num_threads(int(environment['OMP_NUM_THREADS']))  # which torch reads when it is imported
    np.random.seed()  # else what draws without a seed would draw the same in all of them
    torch.seed()
    runpy.run_path(words[0], run_name='__main__')


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
        pytest.MonkeyPatch.context() as here,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        here.chdir(ROOT)
        try:
            body()
        except SystemExit as end:
            code = end.code or 0
    if isinstance(code, str):
        print(code, file=err)
        code = 1
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())
