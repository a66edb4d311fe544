"""Table 7 by one command: depth altered at test time, or heads retrained on it."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.evaluator import Evaluator
from mmengine.runner import Runner

from mmvd.errors import ConfigError
from mmvd.evaluation.robustness import Alteration, full_grid, predict_altered, sweep, with_alteration
from tests.commands import script
from tests.conftest import ROOT
from tests.test_segmentation import tiny


def rgb_twin(folder, **changes) -> tuple[Path, Path]:
    """Config of the RGB-only twin of the tiny segmentor, and a checkpoint of it."""
    path, checkpoint = folder / 'rgb.py', folder / 'rgb.pth'
    change = dict(model=dict(backbone=dict(out='rgb'), decode_head=dict(in_channels=[32] * 4)), **changes)
    text = '\n'.join(f'{key} = {value!r}' for key, value in change.items())
    path.write_text(f"_base_ = '{ROOT}/configs/seg/m2f_vd_rooms_tiny.py'\n{text}\n")
    config = Config.fromfile(path)
    config.work_dir = str(folder / 'twin')
    torch.save(dict(state_dict=Runner.from_cfg(config).model.state_dict()), checkpoint)
    return path, checkpoint


def test_robustness_tool(tmp_path):
    runner = Runner.from_cfg(tiny(tmp_path / 'run'))
    runner.train()
    checkpoint = str(tmp_path / 'run/epoch_1.pth')
    done = script(
        'analysis/robustness',
        'configs/seg/m2f_vd_rooms_tiny.py',
        checkpoint,
        '--work-dir',
        str(tmp_path / 'w'),
        '--out',
        str(tmp_path / 'r.json'),
        '--rgb',
        *rgb_twin(tmp_path),
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert (
        "the paper's mIoU (Table 7, SUN RGB-D)" in done.stdout
        and '56.05' in done.stdout
        and 'altered at test time' in done.stdout
    )
    assert 'twice true metres: its columns 0.5 and 1 are scale 1 and 2 of true ones' in done.stdout
    rows = {(row['zeros'], row['scale']): row for row in json.loads((tmp_path / 'r.json').read_text())['rows']}
    assert len(rows) == 21
    plain = tiny(tmp_path / 'test', load_from=checkpoint)
    assert rows[0.0, 1.0]['mIoU'] == pytest.approx(Runner.from_cfg(plain).test()['mIoU'], abs=0.02)
    assert rows[1.0, 1.0]['missing'] == 1 and rows[0.5, 1.0]['missing'] == pytest.approx(0.5, abs=1e-3)
    assert rows[0.0, 2.0]['mean_m'] == pytest.approx(2 * rows[0.0, 1.0]['mean_m'], rel=1e-4)
    assert (
        rows[0.0, 5.0]['mean_m'] < 5 * rows[0.0, 1.0]['mean_m']
    )  # beyond the range: rescaled, as in the paper's column


@pytest.mark.parametrize(
    'arguments, text',
    [
        ((), 'either a checkpoint or --retrain'),
        (('CHECKPOINT', '--rgb', 'configs/seg/m2f_vd_rooms_tiny.py', 'none.pth'), 'reads depth: an RGB-only baseline'),
        (('CHECKPOINT', '--rgb', 'TWIN', 'none.pth'), 'none.pth'),
        (('CHECKPOINT', '--rgb', 'OTHER', 'none.pth'), 'the sweep and --rgb cannot stand in one table'),
        (('CHECKPOINT', '--out', '/proc/r.json'), 'cannot be written'),
        (('CHECKPOINT', '--out', 'r.txt'), 'end it in .json'),
        (
            (
                *('CHECKPOINT', '--cfg-options', 'model.test_cfg.mode=slide', 'model.data_preprocessor.max_depth=15'),
                *('model.test_cfg.crop_size=[28,28]', 'model.test_cfg.stride=[28,28]'),
            ),
            "test_cfg.mode='whole'",
        ),
    ],
)
def test_robustness_tool_says_what_is_wrong_before_the_sweep(tmp_path, arguments, text):
    model = Runner.from_cfg(tiny(tmp_path)).model
    torch.save(
        dict(state_dict=model.state_dict(), meta=dict(depth_encoding=model.backbone.depth_encoding.constants())),
        tmp_path / 'model.pth',
    )
    twin, _ = rgb_twin(tmp_path, **({'test_dataloader': dict(dataset=dict(seed=777))} if 'OTHER' in arguments else {}))
    names = dict(CHECKPOINT=tmp_path / 'model.pth', TWIN=twin, OTHER=twin)
    arguments = [str(names.get(argument, argument)) for argument in arguments]
    done = script(
        'analysis/robustness',
        'configs/seg/m2f_vd_rooms_tiny.py',
        *arguments,
        '--work-dir',
        str(tmp_path / 'w'),
    )
    assert (
        done.returncode == 2 and text in done.stderr and 'batches' not in done.stderr and 'Traceback' not in done.stderr
    )


def test_the_rgb_stream_runs_once_per_image(tmp_path, monkeypatch):
    runner = Runner.from_cfg(tiny(tmp_path))
    model, calls = runner.model.eval(), []
    encode = model.backbone.encode_rgb
    monkeypatch.setattr(model.backbone, 'encode_rgb', lambda rgb: calls.append(len(rgb)) or encode(rgb))
    loader = runner.build_dataloader(runner.cfg.val_dataloader, seed=0)
    batch = model.data_preprocessor(next(iter(loader)), False)
    assert len(list(predict_altered(model, batch['inputs'], batch['data_samples'], full_grid()))) == 21
    assert calls == [len(batch['inputs'])]


def test_alterations_reach_every_pipeline():
    first, second = (dict(type='mmvd.SyntheticRooms', seed=seed, pipeline=[dict(type='Pack')]) for seed in (0, 1))
    second = dict(type='Mixed', dataset=dict(type='Inner', pipeline=[dict(type='Load')]), pipeline=[dict(type='Pack')])
    packing = [dict(type='PackMore')]
    joined = dict(type='mmvd.KeyedConcat', datasets=[first, dict(type='mmvd.SyntheticRooms')], pipeline=packing)
    config = Config(dict(train_dataloader=dict(dataset=joined), test_dataloader=dict(dataset=second)))
    found = with_alteration(config, Alteration(0.5, 2.0))
    altered = [dict(type='mmvd.AlterDepth', zeros=0.5, scale=2.0)]
    assert found.train_dataloader.dataset.pipeline == [*altered, dict(type='PackMore')]
    for dataset in (found.train_dataloader.dataset.datasets[0], found.test_dataloader.dataset):
        assert dataset.pipeline == [*altered, dict(type='Pack')]
    assert found.test_dataloader.dataset.dataset.pipeline == [dict(type='Load')]  # it packs nothing
    assert len(config.test_dataloader.dataset.pipeline) == 1
    inner = dict(type='Compose', transforms=[dict(type='Load'), dict(type='Pack')])
    nested = Config(dict(train_dataloader=dict(dataset=dict(type='A', pipeline=[inner]))))
    steps = with_alteration(nested, Alteration(0.5, 2.0)).train_dataloader.dataset.pipeline[0].transforms
    assert steps == [dict(type='Load'), *altered, dict(type='Pack')]
    nested.train_dataloader.dataset.pipeline = [dict(type='Load')]
    with pytest.raises(ConfigError, match='train_dataloader: no pipeline that ends in packing'):
        with_alteration(nested, Alteration(0.5))


def test_what_is_padded_is_not_missing(tmp_path):
    config = tiny(tmp_path, **{'val_dataloader.dataset.size': (50, 52)})  # rooms have depth everywhere
    runner = Runner.from_cfg(config)
    loader = runner.build_dataloader(config.val_dataloader, seed=0)

    def metric():
        evaluator = Evaluator(config.val_evaluator)
        evaluator.dataset_meta = loader.dataset.metainfo
        return evaluator

    rows = sweep(runner.model.eval(), loader, metric, [Alteration(), Alteration(0.5)])
    assert [row['missing'] for row in rows] == [0, pytest.approx(0.5, abs=1e-3)]


@pytest.mark.parametrize('loop, name', [(dict(max_epochs=7), 'epoch_7.pth'), (dict(max_iters=90), 'iter_90.pth')])
def test_the_last_checkpoint(tmp_path, loop, name):
    from tools.analysis.tables import last_checkpoint

    assert last_checkpoint(Config(dict(train_cfg=loop)), tmp_path) == tmp_path / name


def test_a_training_begins_where_the_command_was_given(tmp_path, monkeypatch):
    from tools.analysis import tables

    def train(command, **options):
        assert 'cwd' not in options and command[1] == str(ROOT / 'tools/train.py')
        assert command[2:5] == ['runs/a/config.py', '--work-dir', 'runs/a'] and Path(command[2]).is_file()
        return SimpleNamespace(returncode=0)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tables.subprocess, 'run', train)
    config = Config(dict(model=dict(backbone=dict()), train_cfg=dict(max_epochs=2)))
    assert tables.train_once(config, Path('runs/a')) == Path('runs/a/epoch_2.pth')


def test_retrained_heads(tmp_path, monkeypatch):
    sys.path.insert(0, str(ROOT))
    from tools.analysis import robustness

    monkeypatch.setattr(robustness, 'PAPER_COLUMNS', (robustness.Alteration(1.0), robustness.Alteration(0.0, 2.0)))
    rows = robustness.retrain(tiny('x', test_evaluator=[tiny('x').test_evaluator]), tmp_path)
    assert [(row['zeros'], row['scale']) for row in rows] == [(1.0, 1.0), (0.0, 2.0)]
    assert rows[0]['missing'] == 1 and rows[1]['mean_m'] > 4
    assert sorted(path.name for path in tmp_path.iterdir()) == ['zeros0_scale2', 'zeros1_scale1']
    assert robustness.retrain(tiny('x', test_evaluator=[tiny('x').test_evaluator]), tmp_path) == rows  # not again
    with pytest.raises(ConfigError, match='holds a training with another config'):
        robustness.retrain(tiny('x', **{'optim_wrapper.optimizer.lr': 0.5}), tmp_path)


def test_the_sweep_is_for_segmentors(tmp_path):
    done = script('analysis/robustness', 'configs/vd/pretrain_tiny_pde_rooms.py', 'x.pth', '--work-dir', tmp_path)
    assert done.returncode == 2 and 'has no decode_head' in done.stderr
    own = ('configs/seg/m2f_vd_rooms_tiny.py', 'x.pth', '--work-dir', tmp_path)
    other = ('--rgb', 'configs/vd/pretrain_tiny_pde_rooms.py', 'y.pth')
    done = script('analysis/robustness', *own, *other, '--out', tmp_path / 'r.json')
    assert done.returncode == 2 and 'pretrain_tiny_pde_rooms.py: has no decode_head' in done.stderr
    done = script('analysis/robustness', *own, '--out', tmp_path)
    assert done.returncode == 2 and 'a folder, where a file is to be written' in done.stderr
    done = script('analysis/probe_features', 'configs/seg/m2f_vd_rooms_tiny.py', '--knn', 3)
    assert done.returncode == 2 and 'has no head with num_classes' in done.stderr
    exported = tmp_path / 'exported.py'
    exported.write_text(f"_base_ = '{ROOT}/configs/cls/linear84_vd_rooms.py'\nval_dataloader = None\n")
    done = script('analysis/probe_features', exported, '--cfg-options', 'model.backbone.init_cfg.type=Random')
    assert done.returncode == 2 and 'exported.py: has no val_dataloader: features' in done.stderr, done.stderr
