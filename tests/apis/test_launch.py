import argparse
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from torch.utils.data import DataLoader

from mmvd.apis import launch
from mmvd.apis.launch import _warn_of_another_batch, load_config
from mmvd.apis.preflight import check_channels, check_inputs, missing_inputs, warn_of_idle_rules
from mmvd.errors import ConfigError, Interrupted, MissingInputsError, exit_code
from tests.commands import script
from tests.conftest import ROOT, logged
from tests.test_distributed import free_port

# The object's finalizer stands for a tensor that a thread of gloo drops too late: it runs while the interpreter is
# taken down.
LEAVE = """
import atexit, os, sys, torch
from mmvd.apis.launch import leave
class Late:
    def __del__(self): print('taken down', flush=True)
for processes in ('alone', 'group'):
    for code in (0, 2):
        child = os.fork()  # an interpreter of its own would import torch first
        if not child:
            late = Late()
            atexit.register(print, 'exit functions ran')
            if processes == 'group':
                os.environ.update(MASTER_ADDR='127.0.0.1', MASTER_PORT=sys.argv[1], RANK='0', WORLD_SIZE='1')
                torch.distributed.init_process_group('gloo')
            leave(code)
        print(processes, 'left with', os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def test_a_process_of_a_group_leaves_before_the_interpreter_is_taken_down():
    """A finished rank aborted while its interpreter was finalizing and a thread of gloo still held a tensor."""
    done = subprocess.run([sys.executable, '-c', LEAVE, free_port()], cwd=ROOT, capture_output=True, text=True)
    lines = [line for line in done.stdout.splitlines() if not line.startswith('[Gloo]')]  # torch before 2.9 greets
    expected = []
    for processes, printed in (('alone', ['exit functions ran', 'taken down']), ('group', ['exit functions ran'])):
        for code in (0, 2):
            expected += [*printed, f'{processes} left with {code}']
    assert lines == expected, done.stderr


def test_worker_processes_end_with_the_work(monkeypatch):
    """On a GPU fifteen of them were waited for five seconds each after a training had ended."""
    loader = DataLoader(range(4), num_workers=2, persistent_workers=True)
    loop = SimpleNamespace(dataloader=loader)
    runner = SimpleNamespace(_train_loop=loop, _val_loop=dict(type='ValLoop'), _test_loop=None)
    monkeypatch.setattr(launch, 'build_runner', lambda config, training: runner)
    with pytest.raises(Interrupted), launch.running(None, training=True):
        for _ in loader:
            iterator = loader._iterator  # as others may hold it
            raise Interrupted('asked to stop')
    assert len(iterator._workers) == 2 and not any(worker.is_alive() for worker in iterator._workers)
    assert sorted(map(int, loader)) == [0, 1, 2, 3]  # and it can be read again
    loader._iterator._shutdown_workers()


@pytest.mark.parametrize(
    'arguments, text',
    [
        (['train', 'CONFIG', '--launcher', 'pytorch'], '--launcher pytorch: no process starter set RANK'),
        (['train', 'CONFIG', '--launcher', 'slurm'], '--launcher slurm: no process starter set SLURM_PROCID'),
        (['train', 'CONFIG', '--resume', '.'], '--resume: . is no checkpoint file'),
        (
            ['train', 'CONFIG', '--cfg-options', 'default_hooks.checkpoint.save_best=[a,b]'],
            "save_best=['a', 'b']: name one metric",
        ),
        (['test', 'CONFIG', 'README.md'], 'README.md: not a weights file'),
        pytest.param(
            ['train', 'CONFIG', '--amp'],
            '--amp needs an accelerator',
            marks=pytest.mark.skipif(torch.cuda.is_available(), reason='there is one'),
        ),
    ],
)
def test_what_cannot_work_is_one_line(tmp_path, arguments, text):
    arguments = [
        'configs/vd/pretrain_tiny_pde_rooms.py' if argument == 'CONFIG' else argument for argument in arguments
    ]
    done = script(*arguments, '--work-dir', tmp_path)
    assert done.returncode == 2 and text in done.stderr and 'Traceback' not in done.stderr, done.stderr[-2000:]


def test_a_full_disk_is_one_line(capsys):
    def work():
        raise OSError(28, 'No space left on device', 'panel.png')

    assert (
        exit_code(work) == 2
        and 'SavingError: panel.png could not be written (No space left on device)' in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    'launcher, variable', [('pytorch', 'WORLD_SIZE'), ('slurm', 'SLURM_NTASKS'), ('mpi', 'OMPI_COMM_WORLD_SIZE')]
)
def test_another_global_batch_is_warned_of(monkeypatch, capsys, launcher, variable):
    monkeypatch.setenv(variable, '8')
    config = Config(
        dict(launcher=launcher, global_batch_size=128, train_dataloader=dict(batch_size=128), optim_wrapper=dict())
    )
    _warn_of_another_batch(config)
    assert '8 process(es) with train_dataloader.batch_size=128 make a global batch of 1024' in capsys.readouterr().err
    config.train_dataloader.batch_size = 16
    _warn_of_another_batch(config)
    assert not capsys.readouterr().err


@pytest.mark.parametrize(
    'launcher, variable, rank, gpus, refused',
    [
        ('pytorch', 'LOCAL_RANK', '1', 1, True),
        ('slurm', 'SLURM_LOCALID', '1', 1, True),
        ('mpi', 'OMPI_COMM_WORLD_LOCAL_RANK', '1', 1, True),
        ('none', 'LOCAL_RANK', '', 1, False),
        ('pytorch', 'LOCAL_RANK', '3', 0, False),
    ],
)
def test_more_processes_than_gpus_are_refused(monkeypatch, launcher, variable, rank, gpus, refused):
    """Mmengine's logger would look up the process's GPU in a list that is too short."""
    monkeypatch.setenv(variable, rank)
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: gpus)
    args = argparse.Namespace(config='gone.py', launcher=launcher, local_rank=0)
    with pytest.raises(ConfigError, match='process 2 of this machine has no GPU, torch sees 1' if refused else 'gone'):
        load_config(args)


def test_what_sharding_cannot_do_is_refused(monkeypatch):
    monkeypatch.setattr(launch, 'get_device', lambda: 'cuda')
    config = Config(dict(strategy=dict(type='FSDPStrategy')))
    with pytest.raises(ConfigError, match=r'start them with tools/dist_train\.sh'):
        launch.build_runner(config, training=True)
    config.update(launcher='pytorch', resume=True)
    with pytest.raises(ConfigError, match='a sharded run cannot go on'):
        launch.build_runner(config, training=True)


def test_training_without_validation_is_no_missing_input():
    config = Config.fromfile(ROOT / 'configs/vd/pretrain_tiny_pde_rooms.py')
    config.merge_from_dict(dict(val_dataloader=None, val_evaluator=None, val_cfg=None))
    check_inputs(config, training=True)


def test_remedies_are_those_of_what_is_missing(tmp_path):
    """Who mistypes a checkpoint to test is not advised to train."""
    config = Config.fromfile(ROOT / 'configs/vd/pretrain_dinov2_pde.py')
    lm = dict(type='mmvd.BOPDataset', data_root=str(tmp_path / 'lm'), split='test')
    config.train_dataloader.dataset.datasets = dict(lm=lm)
    with pytest.raises(MissingInputsError) as told:
        check_inputs(config, training=True)
    assert all(text in str(told.value) for text in ('MMVD_DATA', 'dataset.only=', 'MMVD_WEIGHTS', 'make pretrain'))
    config.load_from = str(tmp_path / 'none.pth')
    with pytest.raises(MissingInputsError) as told:
        check_inputs(config, training=False)
    assert str(told.value).splitlines()[1:] == [f'  weights: {tmp_path}/none.pth (no such checkpoint)']
    config.test_dataloader = config.train_dataloader
    with pytest.raises(MissingInputsError) as told:
        check_inputs(config, training=False)
    assert str(told.value).splitlines()[-1] == (
        '  put datasets below the folder MMVD_DATA (default: data) in the layouts of docs/guides'
    )


def test_what_runs_is_looked_for(tmp_path):
    def data(name):
        return dict(dataset=dict(type='mmvd.BOPDataset', data_root=str(tmp_path / name), split='test'))

    def told(training):
        lines = [each for each in missing_inputs(config, training) if each.place.startswith(str(tmp_path))]
        return [(Path(each.place).relative_to(tmp_path).parts[0], each.needed_by[:10]) for each in lines]

    config = dict(model=dict(), train_dataloader=data('a'), val_dataloader=data('b'), test_dataloader=data('c'))
    for run in ('val', 'test'):
        config[f'{run}_evaluator'] = dict(type='mmvd.BOPPoseMetric', models=str(tmp_path / run))
    config = Config(config)
    assert told(True) == [('a', 'dataset mm'), ('b', 'dataset mm'), ('val', 'evaluation')]
    assert told(False) == [('c', 'dataset mm'), ('test', 'evaluation')]
    config.val_dataloader = config.train_dataloader
    assert told(True) == [('a', 'dataset mm'), ('val', 'evaluation')]  # once


def looked_at(told: str | None, training: bool = True, **changes) -> None:
    """Look at a config of as much as is needed; it must be refused with these words, or pass."""
    encoding = dict(type='mmvd.PositionalDepthEncoding')
    config = Config(dict(model=dict(backbone=dict(type='mmvd.VDViT', depth_encoding=encoding))))
    config.merge_from_dict(changes)
    with pytest.raises(ConfigError, match=told) if told else nullcontext():
        check_inputs(config, training)


@pytest.mark.parametrize(
    ('told', 'changes'),
    [
        ('data_preprocessor.max_depth=15.0', {}),
        (None, {'model.test_cfg.mode': 'whole'}),
        (None, {'model.backbone.out': 'rgb'}),
        (None, {'model.backbone.over_range': 'drop'}),
        (None, {'model.backbone.depth_encoding.type': 'mmvd.DisparityEncoding'}),
        (None, {'model.data_preprocessor.max_depth': 9.0}),
        ('data_preprocessor.max_depth=15.0', {'model.data_preprocessor.max_depth': 500.0}),
        ("mode='slid': must be", {'model.decode_head': {}, 'model.test_cfg.mode': 'slid'}),
        ("mode='slide' needs crop_size and stride", {'model.decode_head': {}}),
        ("mode='slide_flip' needs", {'model.decode_head': {}, 'model.test_cfg.mode': 'slide_flip'}),
        ('leave one of them out', {'model.data_preprocessor.max_depth': 9.0, 'model.backbone.over_range': 'drop'}),
    ],
)
def test_windows_of_one_image_have_one_range(told, changes):
    looked_at(told, training=False, **{'model.test_cfg': dict(mode='slide'), **changes})


def test_optimizers_encoders_and_heads_are_looked_at(tmp_path):
    looked_at("there is no optimizer 'Adammm'", **{'optim_wrapper.optimizer.type': 'Adammm'})
    looked_at(None, **{'optim_wrapper.optimizer.type': 'AdamW'})
    rules = 'optim_wrapper.paramwise_cfg'
    looked_at('paramwise_cfg: has no custom_key, it takes custom_keys', **{f'{rules}.custom_key': {}})
    looked_at(
        'custom_keys.head: has no lr_mul, it takes lr_mult, decay_mult', **{f'{rules}.custom_keys.head.lr_mul': 0}
    )
    own = {'optim_wrapper.constructor': 'LearningRateDecayOptimizerConstructor', f'{rules}.decay_rate': 0.9}
    adam = {'optim_wrapper.optimizer.type': 'AdamW', f'{rules}.custom_keys.head.betas': (0.9, 0.99)}
    for right in ({f'{rules}.custom_keys.head.lr_mult': 0, f'{rules}.norm_decay_mult': 0.0}, own, adam):
        looked_at(None, **right)
    looked_at(None)  # whose RGB stream learns
    for random in ({'model.backbone.frozen': 'all'}, {'model.backbone.type': 'mmvd.OmnivoreSwin3D'}):
        looked_at('model.backbone has no weights', **random)
        looked_at(None, training=False, **random)
        (tmp_path / 'a.pth').touch()
        looked_at(None, **random, load_from=str(tmp_path / 'a.pth'))
    rooms = {
        'val_dataloader.dataset': dict(type='mmvd.SyntheticRooms', length=1),
        'model.backbone.init_cfg.type': 'Random',
    }
    for scenes, told in ((5, None), (4, 'has 5 classes'), (6, 'has 5 classes, but the head .* num_classes=6')):
        looked_at(told, **rooms, **{'model.head.num_classes': scenes})
    head = dict(num_classes=5, loss_cls=dict(class_weight=[1.0] * 7))
    looked_at('has 7 entries, num_classes=5 asks for 6', **{'model.head': head}, training=False)


@pytest.mark.parametrize(('given', 'asked', 'wanted'), [((8, 9), [8, 8], [8, 9]), (8, [9, 9], [8, 8]), (8, 9, 8)])
def test_heads_read_what_the_encoder_gives(given, asked, wanted):
    model = SimpleNamespace(backbone=SimpleNamespace(out_channels=given))
    config = Config(dict(model=dict(head=dict(in_channels=asked))))
    with pytest.raises(ConfigError, match='model.head.in_channels=') as told:
        check_channels(config, model)
    assert str(told.value).endswith(f'set it to {wanted}')
    check_channels(Config(dict(model=dict(head=dict(in_channels=wanted)))), model)
    config.model.neck = dict(type='FPN')  # which stands between them
    check_channels(config, model)


def test_rates_of_no_parameter_are_told(monkeypatch):
    told, model = logged(monkeypatch), torch.nn.Sequential(torch.nn.Linear(2, 2))
    for keys in ({'weight': {}, 'hed': {}}, {'weight': {}, '.0.': {}}, {}):
        warn_of_idle_rules(Config(dict(optim_wrapper=dict(paramwise_cfg=dict(custom_keys=keys)))), model)
    assert told == ['optim_wrapper.paramwise_cfg.custom_keys: no parameter has hed in its name']
