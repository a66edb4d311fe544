"""The table of several trainings does not take one for another."""

import math
import subprocess

import pytest

from mmvd.errors import ConfigError, MissingInputsError
from tests.commands import script
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
    (tmp_path / 'run/finished.txt').unlink()  # killed in the last validation, behind the last checkpoint
    assert table.train(config, tmp_path / 'run', options).is_file() and len(runs) == 2 and runs[-1][-1] == '--resume'
    monkeypatch.setattr(table.subprocess, 'run', lambda command, **_: subprocess.CompletedProcess(command, -9))
    (tmp_path / 'run/finished.txt').unlink()
    with pytest.raises(ConfigError, match='run: the training ended with -9'):
        table.train(config, tmp_path / 'run', options)
    assert not (tmp_path / 'run/finished.txt').exists()
    encoder.write_bytes(b'others')
    with pytest.raises(ConfigError, match='another config or encoder'):
        table.train(config, tmp_path / 'run', options)
    encoder.unlink()
    with pytest.raises(MissingInputsError, match='encoder.pth .no such checkpoint'):
        table.train(config, tmp_path / 'run', options)


def test_spreads_of_what_is_not_finite(table):
    from tools.analysis.tables import with_spread

    assert with_spread([1.0, 3.0]) == (2.0, pytest.approx(2**0.5))
    for values in ([1.0, math.inf], [math.nan, 1.0], [math.inf] * 2):  # half of the objects were missed
        mean, spread = with_spread(values)
        assert not math.isfinite(mean) and math.isnan(spread)


def test_an_encoder_that_is_missing_is_told_before_the_first_training(tmp_path):
    folder = tmp_path / 'pretrain_vits14_rooms/dinov2_pde32_fix_15m_0'
    folder.mkdir(parents=True)
    (folder / 'epoch_3.pth').touch()
    arguments = ('--encoders', tmp_path, '--work-dir', tmp_path / 'work', '--textures', 'ordinary', '--seeds', 0, 1)
    done = script('analysis/rooms_table', 'rgb_pretraining', *arguments)
    assert done.returncode == 2 and 'pretrain_vits14_random_rooms' in done.stderr and '...' not in done.stderr
