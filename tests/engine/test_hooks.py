"""Schedule, strict loading, reports: small pieces; whole runs are in tests/test_training.py."""

import errno
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mmvd.apis.configs import building
from mmvd.datasets.transforms import RandomDensityMask
from mmvd.engine import DensityScheduleHook, InterruptHook, ProbeReportHook, StrictLoadHook
from mmvd.engine.hooks.density_schedule_hook import _transforms
from mmvd.errors import ConfigError, Interrupted, SavingError, WeightsError
from mmvd.saving import save_png_atomically


@pytest.mark.parametrize(
    'progress, mean, std', [(0, 0.3, 0.1), (0.1, 0.3, 0.1), (0.15, 0.4, 0.2), (0.2, 0.5, 0.3), (1, 0.5, 0.3)]
)
def test_schedule_of_the_authors(progress, mean, std):
    assert DensityScheduleHook().at(progress) == pytest.approx((mean, std))


def test_schedule_finds_masks_in_nested_pipelines():
    mask = RandomDensityMask()
    pipeline = SimpleNamespace(transforms=[SimpleNamespace(), SimpleNamespace(transforms=[mask])])
    mixture = SimpleNamespace(datasets=[SimpleNamespace(dataset=SimpleNamespace(pipeline=pipeline))])
    assert any(found is mask for found in _transforms(mixture))
    runner = SimpleNamespace(epoch=15, max_epochs=100, train_dataloader=SimpleNamespace(dataset=mixture))
    DensityScheduleHook().before_train_epoch(runner)
    assert mask.distribution.tolist() == pytest.approx([0.4, 0.2]) and mask.distribution.is_shared()


def test_strict_load():
    model = torch.nn.Sequential(torch.nn.Linear(2, 3))
    runner, hook = SimpleNamespace(model=model, cfg={}), StrictLoadHook()
    hook.after_load_checkpoint(runner, dict(state_dict=model.state_dict()))
    for state in ({}, {'0.weight': torch.zeros(3, 2)}, {'0.weight': torch.zeros(2, 2), '0.bias': torch.zeros(3)}):
        with pytest.raises(WeightsError, match='does not fit|holds no tensors'):
            hook.after_load_checkpoint(runner, dict(state_dict=state))


def test_linear_heads_need_a_validation():
    with pytest.raises(ConfigError, match='val_dataloader: the heads are chosen by validation'):
        ProbeReportHook().before_train(SimpleNamespace(val_loop=None))


def test_an_interrupted_run_of_shards_is_not_sent_to_resume():
    hook, hub = InterruptHook(), SimpleNamespace(get_info=lambda key: 'run/epoch_1.pth')
    hook._signal = 15
    runner = SimpleNamespace(message_hub=hub, epoch=1, iter=3, cfg=dict(strategy=dict(type='FSDPStrategy')))
    with pytest.raises(Interrupted, match='start from it with --cfg-options load_from=run/epoch_1.pth'):
        hook.after_train_iter(runner, 0)
    runner.cfg = {}
    with pytest.raises(Interrupted, match='last state: run/epoch_1.pth: go on with --resume'):
        hook.after_train_iter(runner, 0)


def test_pictures_are_named_by_their_format(tmp_path):
    with pytest.raises(SavingError, match='ends in .png'):
        save_png_atomically(np.zeros((4, 4), np.uint8), tmp_path / 'a.jpg')


def test_a_full_disk_is_no_fault_of_a_config():
    with pytest.raises(OSError, match='No space left'), building('the runner'):
        raise OSError(errno.ENOSPC, 'No space left on device')
