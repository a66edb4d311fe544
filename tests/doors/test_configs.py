"""Config files and command lines: what is wrong is told in one line, before anything is built or read."""

import os
from argparse import Namespace
from pathlib import Path

import pytest
from mmengine.dataset import pseudo_collate
from mmengine.logging import MMLogger
from torch.optim import AdamW

import mmvd
from mmvd.apis.config_schema import check_kinds
from mmvd.apis.configs import data_folder, read_config
from mmvd.apis.launch import build_runner, load_config
from mmvd.apis.loading import build_filled, find_config
from mmvd.apis.preflight import check_inputs
from mmvd.errors import ConfigError, MMVDError, exit_code
from tests.commands import script
from tests.conftest import ROOT

TINY = f"_base_ = '{ROOT}/configs/vd/pretrain_tiny_pde_rooms.py'\n"
MODEL = "model = dict(type='mmvd.DepthCompleter', backbone=dict(type='mmvd.VDViT'), head=dict(type='mmvd.X'))\n"

UNREADABLE = [  # text, a word of the message
    ('', 'an empty config|has no model'),
    ('# nothing', 'an empty config|has no model'),
    ('x = 1', 'has no model'),
    ('model = None', 'has no model'),
    ('model = []', 'has no model'),
    ('model = dict()', 'has no model'),
    ('model = dict(type=None)', 'has no model'),
    ('model = dict(', 'cannot be read'),
    ('model = undefined', 'cannot be read'),
    ('1 / 0', 'cannot be read'),
    ('raise SystemError("no")', 'cannot be read'),
    ("_base_ = './none.py'", 'cannot be read'),
    ('_base_ = 7', 'cannot be read'),
    ("_base_ = ['./none.py']", 'cannot be read'),
    ("custom_imports = dict(imports=['no_such_module'], allow_failed_imports=False)", 'cannot be read'),
    ("x = '{{$NO_SUCH_VARIABLE}}'", 'cannot be read|has no model'),
    ('\0', 'cannot be read'),
    ('model = {{_base_.model}}', 'cannot be read'),
]


def arguments(path, **options):
    return Namespace(config=str(path), cfg_options=options, launcher='none', work_dir=None, local_rank=0)


@pytest.mark.parametrize('text, match', UNREADABLE, ids=[str(i) for i in range(len(UNREADABLE))])
def test_unreadable_configs(tmp_path, text, match):
    path = tmp_path / 'c.py'
    path.write_text(text)
    with pytest.raises(ConfigError, match=match) as error:
        load_config(arguments(path))
    assert '\n' not in str(error.value) and 'c.py' in str(error.value)
    with pytest.raises(ConfigError):
        mmvd.load_model(path)


def test_classes_of_a_pure_python_config_are_names(tmp_path):
    (tmp_path / 'base.py').write_text(
        'from torch.optim import AdamW\nfrom mmvd.datasets import SyntheticRooms\n'
        'from mmvd.models.backbones import VDViT\nfrom mmvd.models.completers import DepthCompleter\n'
        "model = dict(type=DepthCompleter, backbone=dict(type=VDViT, frozen='all'))\n"
        'from mmengine.dataset import pseudo_collate\n'
        'train_dataloader = dict(batch_size=2, num_workers=0, dataset=dict(type=SyntheticRooms, length=4))\n'
        'train_dataloader.update(collate_fn=pseudo_collate)\n'
        'optim_wrapper = dict(optimizer=dict(type=AdamW, lr=1e-4))\n'
    )
    (tmp_path / 'c.py').write_text(
        'from mmengine.config import read_base\nwith read_base():\n    from .base import *\n'
        'train_dataloader.update(batch_size=3)\n'
    )
    config = load_config(arguments(tmp_path / 'c.py'))
    kinds = (config.model, config.model.backbone, config.train_dataloader.dataset, config.optim_wrapper.optimizer)
    assert [each.type for each in kinds] == [
        'mmvd.DepthCompleter', 'mmvd.VDViT', 'mmvd.SyntheticRooms', f'{AdamW.__module__}.AdamW'
    ]  # fmt: skip
    assert config.train_dataloader.batch_size == 3 and config.train_dataloader.collate_fn is pseudo_collate
    with pytest.raises(ConfigError, match='model.backbone has no weights'):  # as of any other config
        check_inputs(config, training=True)


@pytest.mark.parametrize('data', [b'\xff\xfe\x00m', b'\x80\x81', 'model = dict(type="ü")'.encode('latin-1')])
def test_configs_of_other_bytes(tmp_path, data):
    (tmp_path / 'c.py').write_bytes(data)
    with pytest.raises(ConfigError, match='cannot be read'):
        find_config(tmp_path / 'c.py')


@pytest.mark.parametrize('name', ['none.py', 'folder', 'no_such_name', '', 'x.yaml', 'a\nb', 'x' * 300])
def test_configs_that_are_not_there(tmp_path, name):
    (tmp_path / 'folder').mkdir()
    with pytest.raises(ConfigError, match='no such'):
        find_config(str(tmp_path / name) if name in ('none.py', 'folder') else name)
    with pytest.raises(ConfigError, match='no such config file'):
        load_config(arguments(tmp_path / 'none.py'))


def test_a_work_dir_hides_no_config(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'm2f_vd_rooms').mkdir()
    assert find_config('m2f_vd_rooms').filename.endswith('configs/seg/m2f_vd_rooms.py')


UNBUILDABLE = [  # what is changed in the tiny config, a word of the message
    ("model = dict(type='mmvd.NoSuchModel')", 'NoSuchModel'),
    ("model = dict(backbone=dict(type='mmvd.NoSuchViT'))", 'NoSuchViT'),
    ("model = dict(backbone=dict(colour=3))", 'colour'),
    ("model = dict(colour=3)", 'colour'),
    ("model = dict(head=dict(channels=3))", 'channels must be 4 numbers'),
    ("model = dict(head=dict(loss=dict(type='mmvd.NoLoss')))", 'NoLoss'),
    ("model = dict(backbone=dict(depth_encoding=dict(type='mmvd.NoEncoding')))", 'NoEncoding'),
    ("model = dict(backbone=dict(depth_encoding=dict(_delete_=True)))", 'type'),
    ("model = dict(data_preprocessor=dict(mean=[1, 2]))", 'mean must be 3 numbers'),
    ("model = dict(data_preprocessor=dict(type='mmvd.NoPreprocessor'))", 'NoPreprocessor'),
    ("model = dict(test_cfg=dict(kept_densities=[]))", 'kept_densities'),
    ("model = dict(test_cfg=dict(density=[1]))", 'density'),
    ("optim_wrapper = dict(optimizer=dict(type='NoOptimizer'))", 'NoOptimizer'),
    ("default_hooks = dict(extra=dict(type='mmvd.NoHook'))", 'NoHook'),
    ("train_dataloader = dict(dataset=dict(type='mmvd.NoDataset'))", 'NoDataset'),
    ("train_dataloader = dict(dataset=dict(datasets=dict(rooms=dict(type='mmvd.NoRooms'))))", 'NoRooms'),
    ("train_dataloader = dict(dataset=dict(pipeline=[dict(type='mmvd.NoTransform')]))", 'NoTransform'),
    ("train_dataloader = dict(dataset=dict(pipeline=[dict(type='mmvd.RGBDResize')]))", 'RGBDResize'),
    ("train_dataloader = dict(dataset=dict(pipeline=[dict(type='mmvd.RGBDResize', size=-1)]))", 'size must be'),
    ('train_dataloader = dict(dataset=dict(samples_per_epoch=3))', 'the 3 samples of an epoch are no whole batch'),
    ("val_dataloader = dict(dataset=dict(dataset=dict(pipeline=[dict(type='mmvd.RGBDRandomFlip', horizontal=2)])))",
     'horizontal must be'),
]  # fmt: skip


@pytest.mark.parametrize('change, match', UNBUILDABLE, ids=[str(i) for i in range(len(UNBUILDABLE))])
def test_unbuildable_configs(tmp_path, change, match):
    path = tmp_path / 'c.py'
    path.write_text(TINY + change)
    config = load_config(arguments(path))
    config.work_dir = str(tmp_path / 'work')

    def work():
        check_inputs(config, True)
        if change.startswith('model'):
            build_filled(config, None)
        else:
            build_runner(config, training=True).train()

    with pytest.raises(MMVDError, match=match) as error:
        work()
    assert '\n' not in str(error.value).strip()


KINDS = [  # a key of the shared schema, a value of another kind
    ('train_dataloader', 3),
    ('train_dataloader', []),
    ('train_dataloader.dataset', 'x'),
    ('train_dataloader.dataset.datasets', 3),
    ('train_dataloader.dataset.datasets', dict(a=3)),
    ('train_dataloader.dataset.datasets', {}),
    ('train_dataloader.dataset.pipeline', 'x'),
    ('train_dataloader.dataset.pipeline', [3]),
    ('train_dataloader.batch_size', 0),
    ('train_dataloader.num_workers', -1),
    ('train_dataloader.sampler', 3),
    ('val_dataloader', 'x'),
    ('optim_wrapper', 3),
    ('optim_wrapper.optimizer', 'AdamW'),
    ('optim_wrapper.optimizer.lr', -1),
    ('optim_wrapper.accumulative_counts', 0),
    ('optim_wrapper.clip_grad', 3),
    ('optim_wrapper.clip_grad.max_norm', -1),
    ('optim_wrapper.clip_grad', dict(maxnorm=1)),
    ('optim_wrapper.clip_grad', dict(type='norms', max_norm=1)),
    ('model.backbone', 3),
    ('model.head', 3),
    ('model.test_cfg', 'x'),
    ('model.backbone.init_cfg', 'x'),
    ('train_cfg.max_epochs', 'x'),
    ('train_cfg.max_epochs', 0),
    ('train_cfg.val_interval', 0),
    ('param_scheduler', 3),
    ('custom_hooks', 'x'),
    ('default_hooks', 3),
    ('default_scope', 3),
    ('load_from', True),
    ('strategy', 'x'),
    ('strategy', dict(type=3)),
    ('global_batch_size', 'x'),
    ('resume', 'no'),
    ('val_evaluator', 3),
]


@pytest.mark.parametrize('key, value', KINDS, ids=[f'{key}={value}' for key, value in KINDS])
def test_values_of_another_kind(key, value):
    config = find_config('pretrain_tiny_pde_rooms')
    *path, last = key.split('.')
    node = config
    for name in path:
        node = node[name]
    node[last] = value
    with pytest.raises(ConfigError, match=key.split('.datasets')[0]) as error:
        check_kinds(config)
    assert '\n' not in str(error.value)


def test_values_that_mmengine_and_mmseg_take():
    config = find_config('m2f_vd_rooms')
    config.model.decode_head = [config.model.decode_head, dict(type='OCRHead')]  # a cascade
    config.optim_wrapper.clip_grad = dict(max_norm=float('inf'))  # logs the norm, clips nothing
    check_kinds(config)


def test_folders_of_the_environment_are_not_told_of_in_every_base(monkeypatch):
    monkeypatch.setenv('MMVD_DATA', '/somewhere')
    told, logger = [], MMLogger.get_current_instance()
    monkeypatch.setattr(logger, 'callHandlers', lambda record: told.append(record.getMessage()))
    assert read_config(ROOT / 'configs/pose/poet_vd_rooms.py').root == '/somewhere/bop_rooms' and not told
    monkeypatch.setenv('MMVD_DATA', '')
    assert read_config(ROOT / 'configs/pose/poet_vd_rooms.py').root == 'data/bop_rooms'
    assert data_folder() == Path('data')
    logger.info('Using env variable')  # by others
    assert told == ['Using env variable']


def test_a_folder_below_home(monkeypatch):
    monkeypatch.setenv('HOME', '/home/of someone')
    monkeypatch.setenv('MMVD_DATA', '~/rgbd')
    assert read_config(ROOT / 'configs/pose/poet_vd_rooms.py').root == '/home/of someone/rgbd/bop_rooms'
    assert data_folder() == Path('/home/of someone/rgbd') and os.environ['MMVD_DATA'] == '~/rgbd'


LAZY = [  # what mmengine builds only when it trains
    dict(train_cfg=dict(type='NoLoop')),
    dict(train_dataloader=dict(sampler=dict(type='NoSampler'))),
    dict(train_dataloader=dict(collate_fn=dict(type='no_collate'))),
    dict(val_evaluator=dict(type='NoMetric')),
    dict(param_scheduler=[dict(type='NoScheduler')]),
    dict(optim_wrapper=dict(type='NoWrapper')),
    dict(optim_wrapper=dict(optimizer=dict(type='AdamW', lr=1.0, momentum=3))),
    dict(default_hooks=dict(checkpoint=dict(type='mmvd.NoHook'))),
]


@pytest.mark.parametrize('change', LAZY, ids=str)
def test_what_is_built_late_is_told_early(tmp_path, change):
    (tmp_path / 'c.py').write_text(TINY + '\n'.join(f'{key} = {value!r}' for key, value in change.items()))
    config = load_config(arguments(tmp_path / 'c.py'))
    config.work_dir = str(tmp_path / 'work')
    with pytest.raises(ConfigError) as error:
        build_runner(config, training=True)
    assert '\n' not in str(error.value).strip()


@pytest.mark.parametrize('options', [{'model.backbone.arch.0.x': 1}, {'model': 3}, {'train_dataloader.dataset.7': 1}])
def test_options_that_fit_nowhere(tmp_path, options):
    with pytest.raises(ConfigError):
        config = load_config(arguments(ROOT / 'configs/vd/pretrain_tiny_pde_rooms.py', **options))
        check_inputs(config, True)
        build_filled(config, None)


@pytest.mark.parametrize('tool, arguments', [('train', ['none.py']), ('test', ['none.py', 'none.pth'])])
def test_tools(tool, arguments):
    done = script(tool, *arguments)
    assert done.returncode == 2 and done.stderr.strip() == 'ConfigError: none.py: no such config file'


def test_one_line_whatever_ends_it(capsys):
    def work():
        raise ConfigError('a\nb')

    assert exit_code(work) == 2 and capsys.readouterr().err.startswith('ConfigError: a')
