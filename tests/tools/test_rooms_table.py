"""The table of several trainings does not take one for another."""

import subprocess

import pytest

from mmvd.errors import ConfigError, MissingInputsError
from tests.conftest import ROOT


@pytest.fixture
def table(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    from tools.analysis import rooms_table, tables

    monkeypatch.setattr(rooms_table, 'subprocess', tables.subprocess, raising=False)
    return rooms_table


def test_a_training_of_something_else_is_not_taken(table, tmp_path, monkeypatch):
    encoder, config = tmp_path / 'encoder.pth', ROOT / 'configs/cls/linear84_vd_rooms.py'
    encoder.write_bytes(b'weights')
    options, runs = {'model.backbone.init_cfg.checkpoint': str(encoder), 'randomness.seed': 0}, []

    def finish(command, **_):
        runs.append(command)
        (tmp_path / 'run/epoch_12.pth').write_bytes(b'')
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(table.subprocess, 'run', finish)
    for _ in range(2):  # the second time it is there
        assert table.train(config, tmp_path / 'run', options) == tmp_path / 'run/epoch_12.pth'
    assert len(runs) == 1 and 'seed=0' in (tmp_path / 'run/config.py').read_text()
    with pytest.raises(ConfigError, match='run: holds a training with another config or encoder'):
        table.train(config, tmp_path / 'run', {**options, 'model.head.lr_scale': 1.0})
    encoder.write_bytes(b'others')
    with pytest.raises(ConfigError, match='another config or encoder'):
        table.train(config, tmp_path / 'run', options)
    encoder.unlink()
    with pytest.raises(MissingInputsError, match='encoder.pth .no such checkpoint'):
        table.train(config, tmp_path / 'run', options)
