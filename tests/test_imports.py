"""Packages import one way (docs/design.md)."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

MAY_IMPORT = {  # of the other packages
    'ops': '',
    'datasets': 'ops',
    'models': 'datasets ops',
    'visualization': 'datasets',
    'evaluation': 'models datasets ops',
    'engine': 'evaluation visualization models datasets',
    'apis': 'engine evaluation visualization models datasets ops',
    'commands': 'apis datasets',
}


def imported(path: Path) -> Iterator[str]:
    """Packages of mmvd that a file imports, lazily too."""
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = path.relative_to(ROOT).parts[: -node.level] if node.level else ()
            module = '.'.join((*above, *filter(None, [node.module])))
            names = [f'{module}.{each.name}' for each in node.names]
        yield from (name.split('.')[1] for name in names if name.startswith('mmvd.'))


@pytest.mark.parametrize('package', MAY_IMPORT)
def test_one_way(package):
    others = set(MAY_IMPORT) - {package} - set(MAY_IMPORT[package].split())
    files = list((ROOT / 'mmvd' / package).rglob('*.py'))
    wrong = {path.relative_to(ROOT): found for path in files if (found := set(imported(path)) & others)}
    assert files and not wrong


def test_ops_stand_alone():
    assert {name for path in (ROOT / 'mmvd/ops').glob('*.py') for name in imported(path)} <= {'ops'}
