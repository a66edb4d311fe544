"""Rows of Table 1 at a budget, and the statistics that its Norm rows come from."""

import numpy as np
import pytest
import torch
from mmengine.config import Config

from mmvd.errors import ConfigError
from tests.commands import script
from tests.conftest import ROOT


@pytest.fixture
def tools(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    from tools.analysis import ablation, depth_statistics

    return ablation, depth_statistics


def config(name: str) -> Config:
    return Config.fromfile(ROOT / f'configs/vd/{name}.py')


def test_statistics_of_a_task_whose_encoder_is_not_here():
    options = [f'train_dataloader.{each}' for each in ('num_workers=0', 'persistent_workers=False', 'batch_size=2')]
    path = 'configs/cls/linear84_vd_rooms.py'
    done = script('analysis/depth_statistics', path, '--samples', 2, '--cfg-options', *options)
    assert done.returncode == 0 and 'over 2 samples with depth' in done.stdout, done.stderr[-2000:]


def test_every_row_of_table_1_is_there_with_the_papers_numbers(tools):
    ablation, _ = tools
    rows = {path.stem: Config.fromfile(path).get('paper') for path in ablation.ROWS.glob('*.py')}
    table = {name: paper for name, paper in rows.items() if paper}
    assert len(table) == 14 and set(rows) - set(table) == {'dinov2_pde16_fix_15m', 'dinov2_p3de32_fix_15m'}
    best = min(table, key=lambda name: table[name]['auc_rmse_mm']['void'])
    assert best == 'dinov2_pde64_fix_15m' and table[best]['auc_rmse_mm']['void'] == 40.2
    assert table['eva02_pde32_fix_15m']['rgb_share_percent'] == [60.78, 69.25, 72.64, 83.58]
    assert len({str(paper) for paper in table.values()}) == 14  # none inherits another's numbers


def test_a_budget_takes_over_encoding_and_range_alone(tools):
    ablation, _ = tools
    budget, row = config('pretrain_tiny_pde_rooms_3e'), config('ablation/dinov2_pde64_500m')
    mixed = ablation.at_budget(row, budget).model
    assert mixed.backbone.depth_encoding == row.model.backbone.depth_encoding
    assert mixed.head.max_depth == 500.0 == mixed.data_preprocessor.random_depth.max_depth
    assert mixed.head.channels == budget.model.head.channels and mixed.backbone.arch == budget.model.backbone.arch
    points = ablation.at_budget(config('ablation/dinov2_p3de32_fix_15m'), budget).model
    assert points.head.num_axes == 3 and points.data_preprocessor.depth_encoding.type.endswith(
        'PositionalPointEncoding'
    )
    assert ablation.at_budget(row, None) is row
    with pytest.raises(ConfigError, match='eva02.*name a budget of that encoder'):
        ablation.at_budget(config('ablation/eva02_pde32_fix_15m'), budget)
    with pytest.raises(ConfigError, match='the rows of Table 1 are dinov2_norm_21_500m'):
        ablation.find_row('norm')


def test_the_row_without_pretraining_is_no_twin_of_the_frozen_one(tools):
    ablation, _ = tools
    frozen, scratch = (config(f'ablation/{name}_pde32_fix_15m') for name in ('dinov2', 'scratch'))
    budget = config('pretrain_vits14_rooms')
    assert ablation.at_budget(frozen, budget).model.backbone.frozen == 'rgb'
    mixed = ablation.at_budget(scratch, budget).model.backbone
    assert mixed.frozen == 'none' and mixed.init_cfg is None
    names, tiny = ['dinov2_pde32_fix_15m', 'scratch_pde32_fix_15m'], 'configs/vd/pretrain_tiny_pde_rooms_3e.py'
    assert ablation.chosen_rows(names, str(ROOT / 'configs/vd/pretrain_vits14_rooms.py')) == names
    with pytest.raises(ConfigError, match='train the same model at this budget'):
        ablation.chosen_rows(names, str(ROOT / tiny))  # nothing is frozen or pretrained there
    every = ablation.chosen_rows([], str(ROOT / tiny))
    assert len(every) == 13 and not any('eva02' in name or 'omnivore' in name for name in every)
    with pytest.raises(ConfigError, match='no config that pretrains'):
        ablation.chosen_rows(names, str(ROOT / 'configs/seg/m2f_vd_rooms.py'))


@pytest.mark.parametrize('name', ['eva02', 'omnivore'])
def test_other_encoders_have_a_small_budget_of_their_own(tools, name):
    row = next((ROOT / 'configs/vd/ablation').glob(f'{name}*.py'))
    tools[0].at_budget(Config.fromfile(row), config(f'pretrain_tiny_{name}_rooms_3e'))


@pytest.mark.parametrize(
    'change, told',
    [
        ('test_dataloader = None', 'has no test_dataloader'),
        ('test_dataloader = dict(dataset=dict(dataset=dict(lenght=4)))', 'has no argument lenght'),
        (
            "test_dataloader = dict(dataset=dict(_delete_=True, type='mmvd.RGBDDataset', data_root='none', "
            "decoder='mm16', images='*.png', depth_from=('a', 'b')))",
            'none (no such folder)',
        ),
        ("model = dict(backbone=dict(init_cfg=dict(type='Pretrained', checkpoint='none.pth')))", 'none.pth'),
    ],
)
def test_what_a_row_lacks_is_told_before_the_first_training(tmp_path, change, told):
    (tmp_path / 'budget.py').write_text(f"_base_ = '{ROOT}/configs/vd/pretrain_tiny_pde_rooms_3e.py'\n{change}\n")
    rows = ('dinov2_pde32_fix_15m', '--budget', tmp_path / 'budget.py', '--work-dir', tmp_path / 'work')
    done = script('analysis/ablation', *rows)
    assert done.returncode == 2 and told in done.stderr and '...' not in done.stderr, done.stderr
    (tmp_path / 'c.pth').touch()
    models = ('--model', 'a', tmp_path / 'budget.py', tmp_path / 'c.pth', '--out', tmp_path / 'x.csv')
    if 'dataloader' in change:
        done = script('analysis/robustness_completion', *models)
        assert done.returncode == 2 and told in done.stderr, done.stderr


def test_depth_that_is_encoded_already_has_no_metres(tools):
    settings = config('pretrain_tiny_pde_rooms')
    settings.train_dataloader.update(num_workers=0, persistent_workers=False)
    pipeline = settings.train_dataloader.dataset.pipeline
    pipeline[-1].transforms.insert(len(pipeline[-1].transforms) - 1, dict(type='mmvd.NormalizeDepth'))
    settings.model.data_preprocessor.update(random_depth=None, random_density=None)
    with pytest.raises(ConfigError, match='encoded in the pipeline already'):
        tools[1].measure(settings, 4)


def test_the_table_has_the_papers_columns_apart(tools):
    ablation, _ = tools
    keys = ('densities_mm', 'scales_mm', 'swapped_rgb_percent', *(f'rgb_share_{k}_percent' for k in (1, 2, 3, 4)))
    row = ablation.row_of('dinov2_pde32_15m', {key: [10.0, 14.0] for key in keys})
    text = ablation.format_table([row])
    assert '12.00 +- 2.83' in text and text.splitlines()[-1].split('|')[1].split() == [
        '3060.1',
        '101.0',
        '45.4',
        '64.5',
    ]


def test_statistics_are_the_mean_over_samples_of_what_is_measured(tools):
    generator = np.random.default_rng(0)
    depth = generator.uniform(0.5, 9, (5, 20, 30)) * (generator.random((5, 20, 30)) < 0.6)
    depth[2] = 0  # nothing measured: no part of the mean
    found = tools[1].sample_statistics(torch.from_numpy(depth))
    kept = [one[one > 0] for one in depth if one.any()]
    np.testing.assert_allclose(found, [(one.mean(), one.std()) for one in kept])


def test_statistics_run_the_pipeline_of_a_config(tools):
    settings = config('pretrain_tiny_pde_rooms')
    settings.train_dataloader.update(num_workers=0, persistent_workers=False)
    settings.train_dataloader.dataset.datasets.rooms.update(length=6)
    settings.train_dataloader.dataset.samples_per_epoch = 16
    found = tools[1].measure(settings, 16)
    assert list(found) == ['depth [m]'] and found['depth [m]'][2] == 16 and 0.2 < found['depth [m]'][0] < 14
    row = config('ablation/dinov2_norm_disparity_15m')
    settings.model.data_preprocessor = row.model.data_preprocessor
    assert tools[1].measure(settings, 16)['disparity [px]'][0] > 0.3
