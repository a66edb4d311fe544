"""What users of mmengine switch on: it works, or is refused before the start."""

from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import EarlyStoppingHook
from mmengine.logging import MessageHub, MMLogger
from mmengine.runner import IterBasedTrainLoop, Runner, ValLoop
from mmengine.structures import BaseDataElement, PixelData
from mmseg.models import SegTTAModel
from mmseg.structures import SegDataSample

from mmvd.apis.launch import build_runner, check_training, running
from mmvd.apis.preflight import check_inputs, missing_inputs
from mmvd.apis.resuming import newest_checkpoint, set_resume, warn_of_older_run
from mmvd.datasets.transforms import RandomDensityMask
from mmvd.engine import AtomicCheckpointHook, DensityScheduleHook, SegPanelHook
from mmvd.engine.hooks.model_of import first_view, model_of
from mmvd.errors import ConfigError, SavingError
from mmvd.models.weights import load_checkpoint
from tests import test_segmentation
from tests.conftest import tiny_completer
from tests.engine.test_resuming import equal
from tests.test_training import tiny_config


def plain(work_dir, **changes):
    """Two epochs of two batches without validation."""
    config = tiny_config(work_dir, **changes)
    config.custom_hooks = [hook for hook in config.custom_hooks if 'Report' not in hook.type]
    config.val_dataloader = config.val_cfg = config.val_evaluator = None
    return config


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
    """A run with a checkpoint for each iteration."""
    folder = tmp_path_factory.mktemp('whole')
    by_iteration = {'default_hooks.checkpoint.by_epoch': False, 'default_hooks.checkpoint.interval': 1}
    Runner.from_cfg(plain(folder, **by_iteration)).train()
    return folder, by_iteration


@pytest.mark.parametrize('iteration', [2, 3, 4])
def test_a_checkpoint_of_any_iteration_is_gone_on_from(whole, tmp_path, iteration):
    """At the end of an epoch, within one, and at the end of the run."""
    folder, by_iteration = whole
    config = plain(tmp_path, **by_iteration)
    set_resume(config, str(folder / f'iter_{iteration}.pth'))
    runner = Runner.from_cfg(config)
    runner.train()
    assert (runner.epoch, runner.iter) == (2, 4)
    assert {path.name for path in tmp_path.glob('*.pth')} == {f'iter_{k}.pth' for k in range(iteration + 1, 5)}
    if iteration < 4:
        assert equal(folder / 'iter_4.pth', tmp_path / 'iter_4.pth')


@pytest.mark.parametrize('other', ['SGD', 'Adam', 'Adamax'])
def test_a_checkpoint_of_another_optimizer_is_refused(whole, tmp_path, other):
    path = whole[0] / 'iter_2.pth'
    config = plain(tmp_path, optim_wrapper=dict(_delete_=True, type='OptimWrapper', optimizer=dict(type=other, lr=0.1)))
    with pytest.raises(ConfigError, match=f'iter_2.pth: was trained with AdamW, the config says {other}: set optim_wr'):
        set_resume(config, str(path))
    content = load_checkpoint(path)
    same = f"a = dict(optimizer=dict(type='torch.optim.{other}'))"
    for text in ('def', None, 'a = dict(optimizer=SGD)', 'a = dict(optimizer=dict(type=torch.optim.SGD))', same):
        torch.save(dict(content, meta=dict(content['meta'], cfg=text)), tmp_path / 'other.pth')
        set_resume(config, str(tmp_path / 'other.pth'))  # not told what it was trained with, or the same


def test_a_checkpoint_within_an_accumulation_is_refused(whole, tmp_path):
    folder, by_iteration = whole
    config = plain(tmp_path, **by_iteration, **{'optim_wrapper.accumulative_counts': 2})
    set_resume(config, str(folder / 'iter_3.pth'))
    with pytest.raises(ConfigError, match='saved after 1 batches of its epoch, within an accumulation of 2'):
        Runner.from_cfg(config).train()


def test_a_validation_that_the_checkpoint_contains_is_not_repeated(tmp_path, monkeypatch):
    """Schedulers that follow a metric would take it twice."""
    best = {'default_hooks.checkpoint.save_best': 'completion/all_rmse_mm', 'default_hooks.checkpoint.rule': 'less'}
    Runner.from_cfg(tiny_config(tmp_path, **best, **{'train_cfg.max_epochs': 1})).train()
    config = tiny_config(tmp_path, **best)
    set_resume(config, 'auto')
    runner, epochs, run = Runner.from_cfg(config), [], ValLoop.run
    monkeypatch.setattr(ValLoop, 'run', lambda self: epochs.append(self.runner.epoch) or run(self))
    runner.train()
    assert epochs == [2]


def test_the_untrained_reference_is_no_step_of_the_training(tmp_path):
    calls = []

    class Spy(EarlyStoppingHook):
        def after_val_epoch(self, runner, metrics):
            calls.append(runner.epoch)

    runner = Runner.from_cfg(tiny_config(tmp_path, **{'train_cfg.max_epochs': 1}))
    runner.register_hook(Spy(monitor='completion/all_rmse_mm', rule='less'))
    runner.train()
    assert calls == [1] and (tmp_path / 'results/untrained.json').is_file()


def test_iterations_name_results_where_there_are_no_epochs(tmp_path):
    config = tiny_config(tmp_path, panels=True)
    config.train_cfg = dict(type='IterBasedTrainLoop', max_iters=4, val_interval=2)
    config.param_scheduler = None
    Runner.from_cfg(config).train()
    names = {path.name for path in (tmp_path / 'results').iterdir()}
    assert names == {'untrained.json', 'iter_2.json', 'iter_4.json', 'table.txt'}
    assert {path.name[:8] for path in tmp_path.rglob('panels/*.png')} == {'iter000_', 'iter002_', 'iter004_'}
    shown = {path.stem.rpartition('_')[2] for path in tmp_path.rglob('vis_image/panel_sample0_*.png')}
    assert shown == {'0', '2', '4'}  # steps of the visualizer
    mask = SimpleNamespace(dataset=SimpleNamespace(pipeline=SimpleNamespace(transforms=[RandomDensityMask()])))
    runner = SimpleNamespace(train_dataloader=mask, train_loop=IterBasedTrainLoop.__new__(IterBasedTrainLoop))
    with pytest.raises(ConfigError, match='follows epochs, which IterBasedTrainLoop has not'):
        DensityScheduleHook().before_train(runner)


def test_images_without_labels_are_drawn_without():
    sample = SegDataSample(pred_sem_seg=PixelData(data=torch.zeros(1, 20, 30, dtype=torch.int64)))
    batch = dict(inputs=[torch.zeros(3, 20, 30, dtype=torch.uint8)], depth=[torch.ones(1, 20, 30)])
    (picture,) = SegPanelHook().pictures(batch, [sample], dict(classes=('a',), palette=[[1, 2, 3]]))
    assert picture.ndim == 3


def test_a_schedule_of_nothing_logs_nothing():
    lines, scalars, hook = [], [], DensityScheduleHook()
    runner = SimpleNamespace(
        model=SimpleNamespace(data_preprocessor=SimpleNamespace(random_density=None)),
        train_dataloader=SimpleNamespace(dataset=None),
        train_loop=None,
        logger=SimpleNamespace(warning=lines.append),
        message_hub=SimpleNamespace(update_scalar=lambda *scalar: scalars.append(scalar)),
        iter=1,
        max_iters=2,
    )
    hook.before_train(runner)
    hook.before_train_iter(runner, 0)
    assert not scalars and 'nothing takes depth away' in lines[0]


def test_rates_are_scaled_once(tmp_path):
    config = plain(tmp_path, auto_scale_lr=dict(enable=True, base_batch_size=8))
    rate = config.optim_wrapper.optimizer.lr
    runner = build_runner(config, training=True)
    assert runner.optim_wrapper.get_lr()['lr'][0] == pytest.approx(rate / 2)
    runner.train()


def test_default_hooks_may_be_switched_off(tmp_path):
    for off in (dict(default_hooks=None), {'default_hooks.checkpoint': None}):
        config = plain(tmp_path)
        config.merge_from_dict(off)
        warn_of_older_run(config)
        set_resume(config, 'auto')
        assert not config.get('resume')


def test_checkpoints_of_other_names_are_found(tmp_path):
    for number in (9, 10):
        torch.save(dict(meta=dict(iter=number)), tmp_path / f'seg-{number:03d}.pth')
    assert newest_checkpoint([tmp_path]) == (None, {})
    assert newest_checkpoint([tmp_path], 'seg-{:03d}.pth')[0].name == 'seg-010.pth'
    for name in ('net9_v2.pth', 'net10_v2.pth', 'latest.pth'):
        torch.save(dict(meta=dict(iter=11)), tmp_path / name)
    assert newest_checkpoint([tmp_path], 'net{}_v2.pth')[0].name == 'net10_v2.pth'
    assert newest_checkpoint([tmp_path], 'latest.pth')[0].name == 'latest.pth'


def test_what_starts_anew_is_told(tmp_path, capsys):
    Runner.from_cfg(
        plain(tmp_path, **{'train_cfg.max_epochs': 1, 'default_hooks.checkpoint.save_optimizer': False})
    ).train()
    set_resume(plain(tmp_path), 'auto')
    assert 'epoch_1.pth was saved without optimizer, which start' in capsys.readouterr().err
    content = load_checkpoint(tmp_path / 'epoch_1.pth')
    assert 'optimizer' not in content
    content.pop('param_schedulers')
    torch.save(content, tmp_path / 'epoch_1.pth')
    set_resume(plain(tmp_path), 'auto')
    assert 'saved without optimizer and param_schedulers, which start' in capsys.readouterr().err
    Runner.from_cfg(plain(tmp_path / 'constant', **{'train_cfg.max_epochs': 1, 'param_scheduler': None})).train()
    set_resume(plain(tmp_path / 'constant', param_scheduler=None), 'auto')
    assert 'start anew' not in capsys.readouterr().err


@pytest.mark.parametrize(
    ('changes', 'told'),
    [
        (dict(compile=True), 'say --compile'),
        (dict(optim_wrapper=None), 'a training needs optim_wrapper: this config is for testing'),
        (dict(train_dataloader=None, train_cfg=None), 'a training needs train_dataloader and train_cfg'),
        (
            {'train_dataloader.sampler': dict(type='DefaultSampler', shuffle=True)},
            'what DefaultSampler draws cannot be gone on with: set',
        ),
        ({'train_dataloader.sampler': dict(type='InfiniteSampler', shuffle=True)}, 'what InfiniteSampler draws cannot'),
    ],
)
def test_what_cannot_train_is_told_before_the_start(tmp_path, changes, told):
    config = plain(tmp_path)
    for key, value in changes.items():
        node, last = (config.train_dataloader, 'sampler') if '.' in key else (config, key)
        node[last] = value
    with pytest.raises(ConfigError, match=told):
        check_training(config)
        build_runner(config, training=True)


@pytest.mark.parametrize('name', ['auto', 'completion/auc_removed_rmse_mm', 'completion/rmse_mm'])
def test_the_best_is_that_of_the_least_error(name):
    hook = AtomicCheckpointHook(save_best=name)
    if name == 'auto':
        hook._init_rule([None], ['completion/removed_rmse_mm_at_0.01'])
    better = hook.is_better_than[hook.key_indicators[0]]
    assert better(1.0, 2.0) and not better(2.0, 1.0)
    assert AtomicCheckpointHook(save_best='probe/accuracy').is_better_than['probe/accuracy'](2.0, 1.0)
    assert AtomicCheckpointHook(save_best=name, rule='greater').rules == ['greater']


def test_arguments_of_checkpoints_are_known_before_the_first_is_saved():
    with pytest.raises(ConfigError, match='unknown arguments max_keep_ckpt'):
        AtomicCheckpointHook(max_keep_ckpt=5)


def test_weights_that_have_diverged_take_no_place(tmp_path):
    changes = {
        'train_cfg.max_epochs': 3,
        'default_hooks.checkpoint.max_keep_ckpts': 1,
        'train_dataloader.batch_size': 2,
    }
    config = tiny_config(tmp_path, **changes)
    config.param_scheduler = [dict(type='MultiStepLR', by_epoch=True, milestones=[1], gamma=1e30)]
    runner = Runner.from_cfg(config)
    with pytest.raises(SavingError, match='holds NaN or inf, the training has diverged after epoch 1: not saved'):
        runner.train()
    assert [path.name for path in tmp_path.glob('*.pth')] == ['epoch_1.pth']
    steps = len(runner.train_dataloader)
    assert steps < runner.iter < 2 * steps - 1  # told at the first loss that is NaN, not at the end of the epoch


def test_what_a_head_cannot_match_has_diverged(tmp_path):
    with (
        pytest.raises(SavingError, match='query_feat.weight holds NaN or inf, the training has diverged after epoch 0'),
        running(test_segmentation.tiny(tmp_path), training=True) as runner,
    ):
        runner.model.decode_head.query_feat.weight.data[0] = torch.nan
        runner.train()


def test_a_runner_without_a_config(tmp_path):
    """As mmengine's documents begin: objects in place of a config."""
    runner = SimpleNamespace(cfg=Config(), hooks=[], iter=0, epoch=0, work_dir=str(tmp_path), timestamp='t')
    runner.message_hub, runner.logger = MessageHub.get_instance('bare'), MMLogger.get_current_instance()
    AtomicCheckpointHook().before_train(runner)


def test_what_is_left_out_is_published_by_its_tool():
    with pytest.raises(ConfigError, match='publish with tools/model_converters/publish_adapter.py'):
        AtomicCheckpointHook(leave_out='backbone.', published_keys=['state_dict'])


def test_wrappers_around_data_hide_no_classes(tmp_path):
    config = test_segmentation.tiny(tmp_path)
    config.model.decode_head.num_classes = 10
    config.train_dataloader.dataset = dict(type='RepeatDataset', times=2, dataset=config.train_dataloader.dataset)
    config.val_dataloader = config.val_cfg = config.val_evaluator = None
    with pytest.raises(ConfigError, match='train_dataloader: .* classes, but the head of the model has num_classes=10'):
        check_inputs(config, training=True)


def test_weights_of_the_whole_model_are_looked_for(tmp_path):
    config = plain(tmp_path)
    config.model.init_cfg = dict(type='Pretrained', checkpoint=str(tmp_path / 'none.pth'))
    assert any('none.pth (no such file)' in str(line) for line in missing_inputs(config, training=True))
    config.model.init_cfg.checkpoint = 'torchvision://resnet18'  # mmengine fetches it
    assert not any('resnet18' in str(line) for line in missing_inputs(config, training=True))
    config.model.backbone.init_cfg = dict(type='Pretrained', checkpoint='https://of.others/vit.pth')  # ours reads files
    assert any('vit.pth (no such file)' in str(line) for line in missing_inputs(config, training=True))


def test_augmentation_at_test_is_seen_through():
    model = tiny_completer()
    wrapped = SegTTAModel(module=model)
    assert model_of(SimpleNamespace(model=wrapped)) is model and model_of(SimpleNamespace(model=model)) is model
    views = dict(inputs=[('a', 'b'), ('a2', 'b2')], data_samples=[(BaseDataElement(),) * 2] * 2)
    assert first_view(views)['inputs'] == ('a', 'b')
    batch = dict(inputs=['a', 'b'], data_samples=[BaseDataElement()] * 2)
    assert first_view(batch) == batch
