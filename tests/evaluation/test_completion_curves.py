"""Curves over density, scale and offset beside the density sweep and closed forms."""

import pytest
import torch
from mmengine.runner import Runner
from torch import nn

from mmvd.datasets import SyntheticRooms
from mmvd.evaluation import DepthCompletionMetric
from mmvd.evaluation.completion_curves import DepthChange, area_per_width, changes, completion_curves, rgb_shares
from tests.conftest import tiny_completer

DENSITIES = [0.05, 0.3, 0.9]


@pytest.fixture(scope='module')
def loader():
    rooms = SyntheticRooms(3, seed=5, size=(56, 70), pipeline=[dict(type='mmvd.PackRGBDInputs')])
    sampler = dict(type='mmvd.EpochSampler', shuffle=False, seed=0)
    return Runner.build_dataloader(dict(batch_size=2, num_workers=0, dataset=rooms, sampler=sampler), seed=0)


@pytest.fixture(scope='module')
def completer():
    torch.manual_seed(0)
    return tiny_completer(test_cfg=dict(kept_densities=DENSITIES, pattern='pixel', seed=0)).eval()


def test_densities_are_those_of_the_sweep_and_its_metric(completer, loader):
    metric = DepthCompletionMetric(baselines=('nearest',))
    for data in loader:
        with torch.no_grad():
            found = completer(**completer.data_preprocessor(data, False), mode='predict')
        metric.process(data, found)
    metric.evaluate(3)
    points = [DepthChange('density', kept=kept) for kept in DENSITIES]
    rows = completion_curves(completer, loader, points, floors=('nearest',))
    for method, name in (('network', 'model'), ('nearest', 'nearest')):
        own = [row for row in rows if row['method'] == method]
        for subset, key in (('removed', 'removed_rmse_mm'), ('all', 'all_rmse_mm')):
            expected = metric.result['errors'][name][subset]['rmse_mm']
            assert [row[key] for row in own] == pytest.approx(expected, rel=1e-6)
    assert area_per_width(rows, 'density') == pytest.approx(metric.result['auc']['model']['removed']['area_per_width'])


def test_nearest_fill_minds_neither_scale_nor_offset(completer, loader):
    rows = completion_curves(completer, loader, changes(('scale', 'offset')), ('nearest',))
    own = [row for row in rows if row['method'] == 'nearest' and row['value'] >= 0]
    expected = own[0]['unscaled_removed_rmse_mm']
    assert [row['unscaled_removed_rmse_mm'] for row in own] == pytest.approx([expected] * len(own), rel=1e-4)
    tenth, whole = (next(r['removed_rmse_mm'] for r in own if r['value'] == value) for value in (0.1, 1.0))
    assert tenth == pytest.approx(whole / 10, rel=1e-4)


def test_an_offset_keeps_what_is_missing_and_drops_what_ends_below_zero():
    depth = torch.tensor([0.0, 0.4, 2.0]).view(1, 1, 1, 3)
    assert DepthChange('offset', offset_m=-0.5).apply(depth).flatten().tolist() == [0.0, 0.0, 1.5]
    assert DepthChange('scale', scale=2.0).apply(depth).flatten().tolist() == pytest.approx([0.0, 0.8, 4.0])


class Constant(nn.Module):
    def __init__(self, value: float):
        super().__init__()
        self.value = value

    def forward(self, tokens):
        return torch.full_like(tokens, self.value)


def test_rgb_share_is_what_the_gates_let_through(completer, loader, monkeypatch):
    for level, fusion in enumerate(completer.backbone.fusions):
        monkeypatch.setitem(fusion._modules, 'gate_rgb', Constant(-3.0))
        monkeypatch.setitem(fusion._modules, 'gate_depth', Constant(float(level + 1)))
    expected = [100 * 3 / (3 + level + 1) for level in range(4)]
    assert rgb_shares(completer, loader) == pytest.approx(expected, abs=1e-3)
    assert not any(fusion._forward_hooks for fusion in completer.backbone.fusions)
