"""``--cfg-options``: keys that nothing reads are refused, a config's own variables warned of."""

import pytest

from mmvd.apis.launch import load_config
from mmvd.errors import ConfigError
from tests.conftest import ROOT, logged
from tests.doors.test_configs import arguments


@pytest.mark.parametrize('key', ['optim_wraper.optimizer.lr', 'train_dataloder', 'rot', 'no_such_key'])
def test_overrides_that_nothing_reads(key):
    with pytest.raises(ConfigError, match=f'--cfg-options {key.split(".")[0]}: .* has no such key') as error:
        load_config(arguments(ROOT / 'configs/pose/poet_vd_rooms.py', **{key: 1}))
    assert '\n' not in str(error.value) and ('did you mean optim_wrapper?' in str(error.value)) == ('wraper' in key)


def test_overrides_of_what_was_read_already(monkeypatch):
    told, path = logged(monkeypatch), ROOT / 'configs/pose/poet_vd_rooms.py'
    load_config(
        arguments(
            path,
            **{
                'load_from': 'x',
                'auto_scale_lr': {},
                'find_unused_parameters': True,
                'init_weights_for_test_or_val': False,
            },
        )
    )
    assert not told
    load_config(arguments(path, root='elsewhere'))
    assert len(told) == 1 and '--cfg-options root: a variable of the config' in told[0]
