"""Schedule, strict loading, reports: small pieces; whole runs are in tests/test_training.py."""

import errno
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.logging import MessageHub
from mmengine.runner import IterBasedTrainLoop
from mmengine.structures import BaseDataElement
from torch import nn

from mmvd.apis.configs import building
from mmvd.datasets.transforms import RandomDensityMask
from mmvd.engine import (
    AtomicCheckpointHook,
    DensityScheduleHook,
    DepthReportHook,
    FirstLookHook,
    InterruptHook,
    ProbeReportHook,
    SampleCountHook,
    StrictLoadHook,
    SyncNormStatsHook,
)
from mmvd.engine.hooks import checks, interrupt_hook, sync_norm_hook
from mmvd.engine.hooks.density_schedule_hook import _transforms
from mmvd.engine.hooks.panel_hook import PanelHook
from mmvd.errors import ConfigError, Interrupted, SavingError, WeightsError
from mmvd.evaluation import LinearProbeMetric
from mmvd.saving import save_png_atomically
from tests.conftest import tiny_completer


@pytest.mark.parametrize(
    'progress, mean, std', [(0, 0.3, 0.1), (0.1, 0.3, 0.1), (0.15, 0.4, 0.2), (0.2, 0.5, 0.3), (1, 0.5, 0.3)]
)
def test_schedule_of_the_authors(progress, mean, std):
    assert DensityScheduleHook().at(progress) == pytest.approx((mean, std))
    assert DensityScheduleHook(begin=0.15, end=0.15).at(progress) == ((0.5, 0.3) if progress > 0.15 else (0.3, 0.1))


def test_schedule_finds_masks_in_nested_pipelines():
    mask = RandomDensityMask()
    pipeline = SimpleNamespace(transforms=[SimpleNamespace(), SimpleNamespace(transforms=[mask])])
    mixture = SimpleNamespace(datasets=[SimpleNamespace(dataset=SimpleNamespace(pipeline=pipeline))])
    assert any(found is mask for found in _transforms(mixture))
    mixed = SimpleNamespace(pipeline=[SimpleNamespace(), SimpleNamespace(transforms=[mask])])  # MultiImageMixDataset's
    assert any(found is mask for found in _transforms(mixed))
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


def test_a_run_goes_on_with_the_groups_and_rates_of_its_optimizer():
    model, told = torch.nn.Linear(2, 3), []
    wrapper = SimpleNamespace(optimizer=torch.optim.SGD(model.parameters(), lr=0.1))
    about = dict(model=model, cfg={}, optim_wrapper=wrapper, logger=SimpleNamespace(warning=told.append))

    def load(resume: bool, **group):
        content = dict(state_dict=model.state_dict(), optimizer=dict(param_groups=[group]))
        StrictLoadHook().after_load_checkpoint(SimpleNamespace(_resume=resume, **about), content)

    load(True, params=[0, 1], lr=0.05, initial_lr=0.1)  # on its way down
    load(False, params=[0], lr=0.2)  # weights alone
    assert not told
    load(True, params=[0, 1], lr=0.1, initial_lr=0.2)
    assert len(told) == 1 and 'of the config, 0.1, has no effect: checkpoint goes on with its own, 0.2' in told[0]
    with pytest.raises(ConfigError, match='its optimizer has 1 groups of 1 parameters, the config asks for 1 of 2'):
        load(True, params=[0], lr=0.1)


def test_linear_heads_need_a_validation():
    with pytest.raises(ConfigError, match='val_dataloader: the heads are chosen by validation'):
        ProbeReportHook().before_train(SimpleNamespace(val_loop=None))


def test_probes_that_saw_held_out_samples_before_they_were_resumed():
    class Images(list):
        metainfo, name_of = dict(classes=('a', 'b')), list.__getitem__

    train, holdout, test = (Images([name]) for name in ('train', 'holdout', 'test'))
    holdout.split, head = 'holdout', SimpleNamespace(num_classes=2, settings=[(0.1, 0.0)])
    runner = SimpleNamespace(
        val_loop=1,
        model=SimpleNamespace(head=head),
        train_dataloader=SimpleNamespace(dataset=train),
        val_dataloader=SimpleNamespace(dataset=SimpleNamespace(datasets=[holdout, test])),
        val_evaluator=SimpleNamespace(metrics=[LinearProbeMetric()]),
    )
    hook = ProbeReportHook()
    hook.before_train(runner)
    hook.holdout_is_trained_on = True  # as the checkpoint says
    with pytest.raises(ConfigError, match='these probes were trained on held-out samples'):
        hook.before_train(runner)


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


def test_which_validations_are_drawn():
    hook = PanelHook(max_validations=3)
    about = dict(max_epochs=10, max_iters=70, val_interval=1)
    runners = [SimpleNamespace(train_loop=None, epoch=e, iter=7 * e, **about) for e in range(1, 11)]
    assert [each.epoch for each in runners if hook._is_drawn(each)] == [4, 8, 10]
    about, loop = dict(about, val_interval=7), object.__new__(IterBasedTrainLoop)
    runners = [SimpleNamespace(train_loop=loop, epoch=0, iter=7 * e, **about) for e in range(1, 11)]
    assert [each.iter for each in runners if hook._is_drawn(each)] == [28, 56, 70]


def test_a_resumed_run_knows_what_it_saved(tmp_path):
    hub = MessageHub('resumed')
    hub.update_info('saved_steps', [1, 2])
    left, living = (tmp_path / f'.epoch_2.pth.{name}.part' for name in ('0123', '4567'))
    for part, age_s in ((left, 3600), (living, 1)):
        part.touch()
        os.utime(part, (time.time() - age_s,) * 2)
    for iters, expected in ((4, [1, 2]), (0, [])):
        hook = AtomicCheckpointHook(interval=1, max_keep_ckpts=2)
        runner = SimpleNamespace(
            cfg=Config(dict(model=dict())),
            model=nn.Linear(1, 1),
            message_hub=hub,
            iter=iters,
            work_dir=str(tmp_path),
            logger=SimpleNamespace(info=print, warning=print),
            timestamp='x',
        )
        hook.before_train(runner)
        assert hook._steps == expected
    assert list(tmp_path.glob('.*.part')) == [living]  # which another run is writing


def test_schedule_reaches_the_preprocessor():
    told, logged = [], []
    preprocessor = SimpleNamespace(set_density=lambda mean, std: told.append((mean, std)))
    hub = SimpleNamespace(update_scalar=lambda name, value: logged.append(value))
    runner = SimpleNamespace(
        model=SimpleNamespace(data_preprocessor=preprocessor), iter=15, max_iters=100, message_hub=hub
    )
    DensityScheduleHook().before_train_iter(runner, 0)
    assert told == [pytest.approx((0.4, 0.2))] and logged == [pytest.approx(0.4)]


def test_the_encoding_is_noted_in_checkpoints():
    model, checkpoint = tiny_completer(), dict(meta={})
    StrictLoadHook().before_save_checkpoint(SimpleNamespace(model=model), checkpoint)
    assert checkpoint['meta'] == dict(depth_encoding=model.backbone.depth_encoding.constants())


def test_first_look_looks_at_every_file(monkeypatch):
    looked = []
    monkeypatch.setattr(checks, 'check_files', looked.append)
    loaders = [SimpleNamespace(dataset=list(range(100))) for _ in range(2)]
    runner = SimpleNamespace(train_dataloader=loaders[0], val_dataloader=loaders[1], val_loop=1, seed=0, epoch=0)
    FirstLookHook().before_train(runner)
    assert looked == [each.dataset for each in loaders]


@pytest.mark.parametrize(('samples', 'read'), [(1, [0]), (3, [0, 50, 99]), (200, [*range(100)])])
def test_first_look_reads_samples_spread_evenly(samples, read):
    class Seen(list):
        def __getitem__(self, index):
            self.indices.append(index)

    train, val = Seen(range(100)), Seen(range(2))
    train.indices, val.indices = [], []
    loaders = [SimpleNamespace(dataset=each) for each in (train, val)]
    runner = SimpleNamespace(train_dataloader=loaders[0], val_dataloader=loaders[1], val_loop=1, seed=5, epoch=4)
    FirstLookHook(samples).before_train(runner)
    assert train.indices == read and val.indices == [0, 1][:samples]
    assert {(index.seed, index.epoch) for index in train.indices} == {(5, 4)}


def test_redraws_are_counted_over_the_whole_run(monkeypatch):
    def after(hook, mode, *redraws):
        about = [dict(num_redraws=number, missing_depth=not number) for number in redraws]
        hook._after_iter(runner, 0, dict(data_samples=[BaseDataElement(metainfo=each) for each in about]), mode=mode)

    told = []
    runner = SimpleNamespace(message_hub=MessageHub('counts'), iter=0, logger=SimpleNamespace(warning=told.append))
    monkeypatch.setattr(checks, 'all_reduce', lambda counts: counts.mul_(2))  # of two processes
    hook = SampleCountHook()
    hook.before_train(runner)
    after(hook, 'train', 2, 1)
    after(hook, 'train', 0)
    after(hook, 'val', 4)
    views = [[BaseDataElement(metainfo=dict(num_redraws=1))]] * 2  # of one image
    hook._after_iter(runner, 0, dict(data_samples=views), mode='test')
    runner.iter, resumed = 2, SampleCountHook()
    resumed.before_train(runner)
    after(resumed, 'train', 3, 0)
    for end in (resumed.after_train, resumed.after_test):
        end(runner)
    names = ('train/redrawn_samples: 12', 'train/samples_without_depth: 4', 'val/redrawn_samples: 8')
    names += ('test/redrawn_samples: 2',)
    assert told == [f'{name} reads in this run' for name in names] * 2
    runner.iter, anew = 0, SampleCountHook()
    anew.before_train(runner)
    assert not any(anew.counts.values())


def test_signals_are_taken_over_for_a_training(monkeypatch):
    runner = SimpleNamespace(iter=0, epoch=1, _load_from='x', cfg={}, message_hub=MessageHub('signals'))
    kinds = (signal.SIGTERM, signal.SIGINT)
    before, hook = [signal.getsignal(kind) for kind in kinds], InterruptHook()
    with ThreadPoolExecutor(1) as pool:  # who trains in a thread has no signals
        pool.submit(InterruptHook().before_train, runner).result()
    try:
        hook._signal = 15
        hook.after_val_iter(runner, 0)  # a validation alone is left to the system
        hook._signal = None
        hook.before_train(runner)
        hook.after_val_iter(runner, 0)
        for kind in kinds:
            hook._signal = None
            signal.raise_signal(kind)  # which asks
            assert hook._asked_to_stop()
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(kind)
        with pytest.raises(Interrupted, match='the validation after epoch 1; last state: nothing saved yet'):
            hook.after_val_iter(runner, 0)
        assert [signal.getsignal(kind) for kind in kinds] == before
        hook.before_train(runner)
        hook.after_train(runner)
        assert [signal.getsignal(kind) for kind in kinds] == before
        hook._signal = 15
        hook.after_val_iter(runner, 0)
    finally:
        for kind, handler in zip(kinds, before, strict=True):
            signal.signal(kind, handler)


def test_all_ranks_stop_when_one_is_asked(monkeypatch):
    monkeypatch.setattr(interrupt_hook, 'get_world_size', lambda: 2)
    for others in (0, 1):
        monkeypatch.setattr(interrupt_hook, 'all_reduce', lambda flag, others=others: flag.add_(others))
        assert InterruptHook()._asked_to_stop() == bool(others)
    done, wrapper = [], SimpleNamespace(should_update=lambda: True)
    monkeypatch.setattr(interrupt_hook, 'barrier', lambda: done.append('waited'))
    runner = SimpleNamespace(save_checkpoint=lambda *args, **kwargs: done.append('saved'), optim_wrapper=wrapper)
    vars(runner).update(work_dir='run', message_hub=MessageHub('ranks'), epoch=0, iter=0, cfg={})
    with pytest.raises(Interrupted, match='last state: run/interrupted.pth'):
        InterruptHook(save_mid_epoch=True).after_train_iter(runner, 0)
    assert done == ['saved', 'waited']  # the first process to leave brings the others down


def test_processes_share_statistics_of_batch_norms(monkeypatch):
    shared = []
    monkeypatch.setattr(sync_norm_hook, 'all_reduce_params', lambda buffers, op: shared.append((op, buffers)))
    norm = nn.BatchNorm2d(2)
    norm.register_buffer('constant', torch.ones(2))
    SyncNormStatsHook().after_train_epoch(SimpleNamespace(model=nn.Sequential(norm)))
    ((op, buffers),) = shared
    assert op == 'mean' and [id(each) for each in buffers] == [id(norm.running_mean), id(norm.running_var)]


def test_a_training_without_validation_has_no_table_of_an_older_run(tmp_path):
    (tmp_path / 'results').mkdir()
    (tmp_path / 'results/epoch_1.json').write_text('{"result": {}}')
    runner = SimpleNamespace(work_dir=str(tmp_path), epoch=1, iter=4, logger=None, train_loop=None)
    DepthReportHook().after_train(runner)
    assert not (tmp_path / 'results/table.txt').exists()
