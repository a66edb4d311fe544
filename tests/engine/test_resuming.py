"""A resumed run ends as an uninterrupted one, also where it is easily forgotten."""

import json
import shutil
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.hooks import CheckpointHook
from mmengine.logging import MessageHub
from mmengine.runner import Runner

from mmvd.apis.launch import build_runner
from mmvd.apis.resuming import set_resume, warn_of_older_run
from mmvd.engine import AtomicCheckpointHook, StrictLoadHook
from mmvd.engine.loops.resumable_epoch_loop import VALIDATED
from mmvd.errors import ConfigError, Interrupted, MissingInputsError
from mmvd.models.weights import load_checkpoint
from tests import test_segmentation
from tests.conftest import logged
from tests.test_training import tiny_config


def equal(a, b) -> bool:
    first, second = (load_checkpoint(path)['state_dict'] for path in (a, b))
    return first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)


def resume(config, **changes) -> Runner:
    config.merge_from_dict(changes)
    set_resume(config, 'auto')
    runner = Runner.from_cfg(config)
    runner.train()
    return runner


def stop_after(runner: Runner, iteration: int, saves: bool = True) -> str:
    """Ask the run to stop, as a signal would, when it has done so many iterations; returns what is told."""
    hook = next(hook for hook in runner.hooks if type(hook).__name__ == 'InterruptHook')
    hook.save_mid_epoch = saves
    note = hook.after_train_iter

    def after_train_iter(runner, *args, **kwargs):
        if runner.iter + 1 >= iteration:
            hook._signal = 15
        note(runner, *args, **kwargs)

    hook.after_train_iter = after_train_iter
    with pytest.raises(Interrupted) as caught:
        runner.train()
    return str(caught.value)


def test_segmentation_draws_its_points_anew_in_a_resumed_run(tmp_path):
    """Mask2Former samples points of the masks from torch's generator."""
    Runner.from_cfg(test_segmentation.tiny(tmp_path / 'whole', **{'train_cfg.max_epochs': 2})).train()
    Runner.from_cfg(test_segmentation.tiny(tmp_path / 'parts')).train()
    resume(test_segmentation.tiny(tmp_path / 'parts'), **{'train_cfg.max_epochs': 2})
    assert equal(tmp_path / 'whole/epoch_2.pth', tmp_path / 'parts/epoch_2.pth')


def test_what_cannot_go_on_as_it_was_is_told(tmp_path, monkeypatch):
    Runner.from_cfg(tiny_config(tmp_path, **{'train_cfg.max_epochs': 1})).train()
    with pytest.raises(ConfigError, match='its optimizer has 1 groups of .* resume with the optim_wrapper'):
        resume(tiny_config(tmp_path), **{'optim_wrapper.paramwise_cfg': dict(norm_decay_mult=0.5)})
    told = logged(monkeypatch)
    changed = tiny_config(tmp_path, **{'train_dataloader.batch_size': 1})
    changed.pop('global_batch_size', None)
    resume(changed, **{'optim_wrapper.optimizer.lr': 0.125})
    assert any('the learning rate of the config, 0.125, has no effect' in line for line in told)
    assert any('steps were taken in 1 epochs, now an epoch has' in line for line in told)


FLEXIBLE = {
    'runner_type': 'FlexibleRunner',
    'strategy': dict(type='SingleDeviceStrategy'),
    'default_hooks.checkpoint.save_best': None,  # which mmengine notes one epoch too high there
}


@pytest.mark.parametrize('changes', [{}, FLEXIBLE], ids=['Runner', 'FlexibleRunner'])
def test_the_files_that_a_run_began_with_may_be_gone_but_stay_in_its_config(tmp_path, changes):
    weights = test_segmentation.encoder_file(tmp_path / 'vd.pth')

    def config(name, epochs):
        init_cfg = dict(type='Pretrained', checkpoint=weights)
        return test_segmentation.tiny(
            tmp_path / name, **{'train_cfg.max_epochs': epochs, 'model.backbone.init_cfg': init_cfg, **changes}
        )

    build_runner(config('whole', 2), training=True).train()
    build_runner(config('parts', 1), training=True).train()
    (tmp_path / 'vd.pth').unlink()
    going_on = config('parts', 2)
    set_resume(going_on, 'auto')
    build_runner(going_on, training=True).train()
    assert equal(tmp_path / 'whole/epoch_2.pth', tmp_path / 'parts/epoch_2.pth')
    assert all(weights in path.read_text() for path in (tmp_path / 'parts').glob('*.py'))
    assert weights in load_checkpoint(tmp_path / 'parts/epoch_2.pth')['meta']['cfg']


def test_a_first_start_that_would_resume_reads_its_files(tmp_path):
    weights = test_segmentation.encoder_file(tmp_path / 'vd.pth')
    init_cfg = dict(type='Pretrained', checkpoint=weights)
    config = test_segmentation.tiny(tmp_path / 'run', **{'resume': True, 'model.backbone.init_cfg': init_cfg})
    set_resume(config, 'auto')
    runner = build_runner(config, training=True)
    runner._init_model_weights()
    begun = load_checkpoint(weights)['state_dict']
    own = runner.model.backbone.state_dict()
    assert all(torch.equal(value, own[key.removeprefix('backbone.')]) for key, value in begun.items())
    config.model.backbone.init_cfg.checkpoint = str(tmp_path / 'gone.pth')
    with pytest.raises(MissingInputsError, match='gone.pth'):
        build_runner(config, training=True)


def test_an_epoch_must_not_end_within_an_accumulation(tmp_path):
    config = tiny_config(
        tmp_path, **{'optim_wrapper.accumulative_counts': 2, 'train_dataloader.dataset.samples_per_epoch': 12}
    )
    with pytest.raises(ConfigError, match='an epoch of 3 batches ends within an accumulation of 2'):
        Runner.from_cfg(config).train()


def test_a_stop_waits_for_the_end_of_an_accumulation(tmp_path):
    changes = {
        'optim_wrapper.accumulative_counts': 2,
        'train_dataloader.dataset.samples_per_epoch': 16,
        'train_cfg.max_epochs': 1,
    }
    Runner.from_cfg(tiny_config(tmp_path / 'whole', **changes)).train()
    stop_after(Runner.from_cfg(tiny_config(tmp_path / 'parts', **changes)), 1)
    assert load_checkpoint(tmp_path / 'parts/interrupted.pth')['meta']['iter'] == 2
    resume(tiny_config(tmp_path / 'parts', **changes))
    assert equal(tmp_path / 'whole/epoch_1.pth', tmp_path / 'parts/epoch_1.pth')


def test_curriculum_of_pipeline_masks_after_a_stop_within_an_epoch(tmp_path):
    def config(name):
        config = tiny_config(tmp_path / name)
        pipeline = config.train_dataloader.dataset.pipeline
        pipeline[-1]['transforms'].insert(-1, dict(type='mmvd.RandomDensityMask'))
        config.model.data_preprocessor.random_density = None
        config.custom_hooks = [
            dict(hook, mean=(0.1, 0.9), begin=0.0, end=1.0) if 'Schedule' in hook.type else hook
            for hook in config.custom_hooks
        ]
        return config

    Runner.from_cfg(config('whole')).train()
    stop_after(Runner.from_cfg(config('parts')), 3)
    resume(config('parts'))
    assert equal(tmp_path / 'whole/epoch_2.pth', tmp_path / 'parts/epoch_2.pth')


def test_a_resumed_run_keeps_the_seed_of_its_checkpoint(tmp_path):
    Runner.from_cfg(tiny_config(tmp_path / 'whole', **{'randomness.seed': 5})).train()
    Runner.from_cfg(tiny_config(tmp_path / 'parts', **{'randomness.seed': 5, 'train_cfg.max_epochs': 1})).train()
    runner = resume(tiny_config(tmp_path / 'parts', **{'randomness.seed': 0}))
    assert runner.seed == runner.train_dataloader.sampler.seed == 5
    assert equal(tmp_path / 'whole/epoch_2.pth', tmp_path / 'parts/epoch_2.pth')


def test_a_validation_that_was_lost_is_repeated(tmp_path):
    """The node dies after the last checkpoint and before the last validation is through."""
    Runner.from_cfg(tiny_config(tmp_path)).train()
    before = json.loads((tmp_path / 'results/epoch_2.json').read_text())['result']
    shutil.rmtree(tmp_path / 'results')
    resume(tiny_config(tmp_path))
    assert json.loads((tmp_path / 'results/epoch_2.json').read_text())['result'] == before
    assert (tmp_path / 'results/table.txt').is_file()


def test_pictures_of_a_long_training_are_bounded(tmp_path):
    changes = {'train_cfg.max_epochs': 7, 'train_dataloader.dataset.samples_per_epoch': 4}
    config = tiny_config(tmp_path, panels=True, **changes)
    config.custom_hooks = [
        dict(hook, max_samples=1, max_validations=2) if 'Panel' in hook.type else hook for hook in config.custom_hooks
    ]
    Runner.from_cfg(config).train()
    assert sorted(path.name for path in tmp_path.rglob('panels/*.png')) == [
        'epoch000_sample0.png',
        'epoch004_sample0.png',
        'epoch007_sample0.png',
    ]


def test_a_run_that_goes_on_in_another_folder(tmp_path):
    """The best checkpoint of the old folder stays, and a stop names what there is in the new one."""
    changes = {'default_hooks.checkpoint.save_best': 'completion/all_rmse_mm', 'default_hooks.checkpoint.rule': 'less'}
    Runner.from_cfg(tiny_config(tmp_path / 'old', **changes, **{'train_cfg.max_epochs': 1})).train()
    shutil.copytree(tmp_path / 'old', tmp_path / 'new')
    content = load_checkpoint(tmp_path / 'new/epoch_1.pth')
    content['message_hub']['runtime_info']['best_score'] = 1e9  # whatever comes is better
    torch.save(content, tmp_path / 'new/epoch_1.pth')
    config = tiny_config(tmp_path / 'new', **changes)
    set_resume(config, 'auto')
    told = stop_after(Runner.from_cfg(config), 3, saves=False)
    assert f'last state: {tmp_path / "new/epoch_1.pth"}: go on' in told
    resume(tiny_config(tmp_path / 'new', **changes))
    assert [len(list((tmp_path / run).glob('best_completion_all_rmse_mm_epoch_*'))) for run in ('old', 'new')] == [1, 1]


def test_the_best_of_a_metric_that_is_not_measured(tmp_path):
    changes = {'default_hooks.checkpoint.save_best': 'depth/rmse', 'default_hooks.checkpoint.rule': 'less'}
    with pytest.raises(ConfigError, match="save_best='depth/rmse': no such metric among completion/removed_rmse"):
        Runner.from_cfg(tiny_config(tmp_path, **changes)).train()
    assert not list(tmp_path.glob('*.pth'))  # it is told before training


def test_a_used_work_dir_is_warned_of(tmp_path, capsys):
    config = tiny_config(tmp_path)
    (tmp_path / 'dinov2.pth').write_bytes(b'')  # no run saves it
    warn_of_older_run(config)
    assert not capsys.readouterr().err
    (tmp_path / 'epoch_2.pth').write_bytes(b'')
    warn_of_older_run(config)
    assert f'{tmp_path} holds checkpoints of an earlier run' in capsys.readouterr().err
    config.resume = True
    warn_of_older_run(config)
    assert not capsys.readouterr().err


def test_old_checkpoints_go_when_the_new_one_is_there(tmp_path, monkeypatch):
    """Also where a state is saved twice: after its epoch, and after its validation."""

    def save(self, runner, step, meta):
        (tmp_path / f'epoch_{step}.pth').touch()

    monkeypatch.setattr(CheckpointHook, '_save_checkpoint_with_step', save)
    hook, runner = AtomicCheckpointHook(max_keep_ckpts=2), SimpleNamespace(message_hub=MessageHub('steps'))
    hook.out_dir, hook.filename_tmpl = tmp_path, 'epoch_{}.pth'
    for step, kept in ((1, [1]), (2, [1, 2]), (2, [1, 2]), (3, [2, 3])):
        hook._save_checkpoint_with_step(runner, step, {})
        assert runner.message_hub.get_info('saved_steps') == kept
        assert sorted(path.name for path in tmp_path.iterdir()) == [f'epoch_{each}.pth' for each in kept]


def test_the_best_is_there_until_a_better_one_is(tmp_path, monkeypatch):
    def save(self, runner, metrics):
        assert self.best_ckpt_path is None  # the parent would remove it
        if metrics['a'] > 0:
            self.best_ckpt_path = str(tmp_path / f'best_{metrics["a"]}.pth')
            Path(self.best_ckpt_path).touch()

    monkeypatch.setattr(CheckpointHook, '_save_best_checkpoint', save)
    hook, hub = AtomicCheckpointHook(save_best='auto', rule='greater'), MessageHub('best')
    for iters, value, there in ((0, 5, []), (1, 1, [1]), (2, -1, [1]), (3, 1, [1]), (4, 2, [2])):
        hook._save_best_checkpoint(SimpleNamespace(iter=iters, epoch=iters + 10, message_hub=hub), dict(a=value, b=0))
        assert hook.key_indicators == ['a'] and hub.get_info(VALIDATED) == (iters + 10 if iters else None)
        assert [path.name for path in tmp_path.iterdir()] == [f'best_{each}.pth' for each in there]
        assert hook.best_ckpt_path == (str(tmp_path / f'best_{there[0]}.pth') if there else None)


@pytest.mark.parametrize(('init', 'seed'), [('Pretrained', None), ('Random', 3), ('Random', None)])
def test_only_what_comes_again_is_left_out(init, seed):
    hook, about = AtomicCheckpointHook(leave_out='backbone.'), dict(randomness=dict(seed=seed))
    about['model'] = dict(backbone=dict(init_cfg=dict(type=init)))
    runner = SimpleNamespace(cfg=about, hooks=[StrictLoadHook()], model=torch.nn.ReLU())
    with pytest.raises(ConfigError, match='or set randomness.seed') if init == 'Random' and not seed else nullcontext():
        hook._check_comes_again(runner)
