"""Tools that need a package of an extra say so in a line."""

import sys

import pytest

from tests.commands import script
from tests.fabricate import fabricate_bop, fabricate_nyuv2_mat


@pytest.mark.parametrize(
    ('package', 'tool', 'extra'),
    [
        ('h5py', 'dataset_converters/nyuv2', 'data'),
        ('webdataset', 'dataset_converters/shards', 'data'),
        ('pyarrow', 'dataset_converters/prepare', 'data'),
        ('perlin_numpy', 'analysis/benchmark', 'bench'),
    ],
)
def test_a_package_of_an_extra_that_is_not_installed_is_one_line(tmp_path, monkeypatch, package, tool, extra):
    fabricate_bop(tmp_path / 'lm/test/000001', 1)
    fabricate_nyuv2_mat(tmp_path)
    words = dict(
        nyuv2=[tmp_path],
        shards=['lm', tmp_path / 'out', '--root', tmp_path / 'lm'],
        prepare=['lm', '--root', tmp_path / 'lm'],
        benchmark=['--only', 'perlin', '--preset', 'tiny', '--device', 'cpu', '--out', tmp_path / 'b.csv'],
    )[tool.split('/')[1]]
    monkeypatch.setitem(sys.modules, package, None)
    done = script(tool, *words)
    line = done.stderr.splitlines()[-1]
    assert done.returncode == 2 and package in line and f"pip install 'mmvd[{extra}]'" in line, done.stderr
    assert 'Traceback' not in done.stderr
