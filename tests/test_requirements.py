"""What setup.py asks for."""

import runpy

from packaging.requirements import Requirement
from packaging.version import Version

from tests.conftest import ROOT

ON_THE_OLDEST = ('test', 'data', 'pose', 'export', 'upstream')  # as `make test-oldest` installs


def test_the_oldest_versions_are_those_that_are_tested(monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr('setuptools.setup', lambda **kwargs: asked.update(kwargs))
    asked = {}
    runpy.run_path('setup.py')
    lines = [*asked['install_requires'], *(line for extra in ON_THE_OLDEST for line in asked['extras_require'][extra])]
    needs = [Requirement(line) for line in lines]
    least = {need.name: part.version for need in needs for part in need.specifier if part.operator == '>='}
    pins = [Requirement(line) for line in (ROOT / 'constraints-oldest.txt').read_text().splitlines()[1:]]
    assert {pin.name for pin in pins} == set(least)
    for pin in pins:
        (exact,) = pin.specifier
        assert exact.operator == '==' and Version(exact.version) == Version(least[pin.name]), pin
