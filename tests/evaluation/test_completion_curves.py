"""Curves over density, scale and offset beside the density sweep and closed forms."""

import cv2
import numpy as np
import pytest
import torch
from mmengine.runner import Runner
from torch import nn

from mmvd import ops
from mmvd.datasets import SyntheticRooms
from mmvd.errors import ConfigError
from mmvd.evaluation import DepthCompletionMetric
from mmvd.evaluation.baselines import nearest_fill
from mmvd.evaluation.completion_curves import (
    DepthChange,
    area_per_width,
    changes,
    completion_curves,
    rgb_shares,
    scale_ratios,
)
from mmvd.evaluation.input_patterns import PATTERNS, removed_pixels
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


def test_the_truth_is_no_input(completer, loader):
    data = next(iter(loader))
    data['gt_depth'] = [depth.clone() for depth in data['depth']]
    data['depth'] = [torch.where(depth > 2, depth, 0.0) for depth in data['depth']]
    row = completion_curves(completer, [data], [DepthChange('density', kept=1.0)], ('nearest',))[1]
    errors = []
    for truth, given in zip(data['gt_depth'], data['depth'], strict=True):
        filled, lacks = nearest_fill(given[0].numpy()), (given[0] <= 0).numpy()
        errors.append(1000 * np.sqrt(((filled - truth[0].numpy())[lacks] ** 2).mean()))
    assert row['method'] == 'nearest' and row['removed_rmse_mm'] == pytest.approx(np.mean(errors), rel=1e-5)


@pytest.mark.parametrize('value', [torch.nan, torch.inf, -torch.inf])
def test_a_broken_prediction_is_not_averaged_away(completer, loader, monkeypatch, value):
    whole = completer.complete

    def broken(inputs, rgb=None):
        preds = whole(inputs, rgb)
        preds[-1][0, :, 3, 3] = value
        return preds

    monkeypatch.setattr(completer, 'complete', broken)
    (row,) = completion_curves(completer, loader, [DepthChange('scale')])
    assert row['all_rmse_mm'] == np.inf


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


def test_every_pattern_and_noise(completer, loader):
    points = [DepthChange('density', pattern, kept=kept) for pattern in PATTERNS for kept in (0.0, 0.2, 1.0)]
    points += [DepthChange('noise', noise_m=0.1), DepthChange('range_noise', noise_per_m=0.01), DepthChange('noise')]
    rows = completion_curves(completer, loader, points, ('nearest',))
    assert len(rows) == 2 * len(points)
    values = {(row['method'], row['axis'], row['pattern'], row['value']): row for row in rows}
    for pattern in PATTERNS:
        exact = values['nearest', 'density', pattern, 1.0]
        assert exact['all_rmse_mm'] == 0 and np.isnan(exact['removed_rmse_mm'])
        assert values['network', 'density', pattern, 0.2]['removed_rmse_mm'] > 0


def test_noise_has_the_spread_that_it_is_asked_for():
    depth, seeds = torch.full((2, 1, 100, 100), 3.0), torch.tensor([5, 6])
    depth[0, 0, 0] = 0
    for change, std in ((DepthChange('noise', noise_m=0.02), 0.02), (DepthChange('x', noise_per_m=0.01), 0.09)):
        noisy = change.disturb(depth, seeds)
        error = (noisy - depth)[depth > 0]
        assert error.std().item() == pytest.approx(std, rel=0.03) and abs(error.mean().item()) < 0.03 * std
        assert not noisy[depth == 0].any() and torch.equal(change.disturb(depth[1:], seeds[1:]), noisy[1:])


@pytest.fixture
def scene():
    depth = torch.full((2, 1, 64, 80), 4.0)
    depth[:, :, 20:44, 30:50] = 2.0  # a box before a wall
    image = np.zeros((64, 80, 3), np.uint8)
    image[20:44, 30:50] = 255
    image = torch.from_numpy(cv2.GaussianBlur(image, (5, 5), 1.2)).permute(2, 0, 1)  # as lenses do: corners have maxima
    return depth, [image, image], torch.tensor([3, 4])


@pytest.mark.parametrize('pattern', PATTERNS)
def test_shares_are_exact_and_nested(scene, pattern):
    depth, images, seeds = scene
    depth[1, :, :10] = 0
    masks = [removed_pixels(pattern, kept, depth, images, seeds) for kept in (0.1, 0.5, 0.9)]
    for mask, kept in zip(masks, (0.1, 0.5, 0.9), strict=True):
        found = mask.flatten(1).sum(1)
        assert (found - (1 - kept) * (depth > 0).flatten(1).sum(1)).abs().max() <= 1 and not mask[depth == 0].any()
    assert not (masks[1] & ~masks[0]).any() and not (masks[2] & ~masks[1]).any()
    one = removed_pixels(pattern, 0.5, depth[1:], images[1:], seeds[1:])
    assert torch.equal(one, masks[1][1:])  # whatever the batch


def test_patterns_are_what_they_are_called(scene):
    depth, images, seeds = scene

    def kept(pattern, share):
        return ~removed_pixels(pattern, share, depth, images, seeds)[0, 0]

    rows = kept('lidar_lines', 8 / 64).all(1).nonzero().flatten()
    assert len(rows) == 8 and set((rows[1:] - rows[:-1]).tolist()) == {8}
    lost = ~kept('one_block', 0.8)
    window = lost[lost.any(1)][:, lost.any(0)]
    assert window.double().mean() > 0.95 and not lost.all()  # the last row or column may be begun
    corners = kept('keypoints', 4 / (64 * 80)).nonzero()
    wanted = torch.tensor([[20, 30], [20, 49], [43, 30], [43, 49]])
    assert (torch.cdist(wanted.double(), corners.double()).min(1).values < 3).all()
    edge = torch.zeros(64, 80, dtype=torch.bool)
    edge[18:46, 28:52] = True
    edge[23:41, 33:47] = False
    assert edge[~kept('sensor_holes', 0.95)].double().mean() > 0.95


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


def test_variants_of_the_network(completer, loader):
    point = DepthChange('density', kept=0.3)
    data = next(iter(loader))
    data['partner_inputs'] = [image.flip(2) for image in data['inputs']]
    rows = completion_curves(completer, [data], [point], ('bilateral',), variants=('keep_input', 'swapped_rgb'))
    found = {row['method']: row for row in rows}
    assert list(found) == ['network', 'keep_input', 'swapped_rgb', 'bilateral']
    batch = completer.data_preprocessor(data, False)
    truth = batch['gt_depth']
    seeds = torch.stack([ops.fold(torch.tensor([sample.sample_key]), 0)[0] for sample in data['data_samples']])
    removed = removed_pixels('pixel', 0.3, truth, data['inputs'], seeds)
    given = truth.masked_fill(removed, 0)
    with torch.no_grad():
        pred = completer(torch.cat((batch['inputs'][:, :3], given), 1))
        swapped = completer(torch.cat((batch['partner_rgb'], given), 1))
    kept = ops.keep_measured(pred, given)
    for name, one in (('network', pred), ('keep_input', kept), ('swapped_rgb', swapped)):
        error = (one - truth).masked_fill(~removed, 0).double().square().flatten(1).sum(1)
        each = 1000 * (error / removed.flatten(1).sum(1)).sqrt()
        assert found[name]['removed_rmse_mm'] == pytest.approx(each.mean().item(), rel=1e-4)
        assert found[name]['median_removed_rmse_mm'] == pytest.approx(each.quantile(0.5).item(), rel=1e-4)
    assert found['keep_input']['all_rmse_mm'] < found['network']['all_rmse_mm']


def test_ratio_is_judged_where_depth_is_missing(completer, loader, monkeypatch):
    """Measured pixels that pass would hide any error."""

    def passing(inputs, rgb=None):
        depth = inputs[:, -1:]
        return [torch.where(depth > 0, depth, 2.0)]  # whatever the scale

    monkeypatch.setattr(completer, 'complete', passing)
    np.testing.assert_allclose(scale_ratios(completer, loader, (0.5, 4.0), kept=0.8), [[2, 0.25]] * 3)


def test_variants_need_what_they_read(completer, loader):
    with pytest.raises(ConfigError, match='variants'):
        completion_curves(completer, loader, [DepthChange('scale')], variants=('swapped',))
    with pytest.raises(ConfigError, match='mmvd.WithPartnerImage'):
        completion_curves(completer, loader, [DepthChange('scale')], variants=('swapped_rgb',))


def test_area_over_all_scales_and_offsets():
    row = dict(method='network', pattern='pixel')
    rows = [
        dict(row, axis='scale', value=v, unscaled_removed_rmse_mm=e)
        for v, e in ((0.5, 10.0), (1.0, 20.0), (2.0, 30.0), (4.0, 40.0))
    ]
    assert area_per_width(rows, 'scale') == pytest.approx(25.0)
    rows = [
        dict(row, axis='offset', value=v, unscaled_removed_rmse_mm=e)
        for v, e in ((-1.0, 10.0), (0.0, 20.0), (3.0, 50.0))
    ]
    assert area_per_width(rows, 'offset') == pytest.approx(30.0)


class Halves(nn.Module):
    def __init__(self, value):
        super().__init__()
        self.value = value

    def forward(self, tokens):
        out = torch.full_like(tokens, self.value)
        out[..., : tokens.shape[-1] // 2] = 1.0
        return out


def test_rgb_share_is_a_mean_over_elements(completer, loader, monkeypatch):
    for fusion in completer.backbone.fusions:
        monkeypatch.setitem(fusion._modules, 'gate_rgb', Halves(3.0))
        monkeypatch.setitem(fusion._modules, 'gate_depth', Halves(-1.0))
    assert rgb_shares(completer, loader) == pytest.approx([100 * (0.5 + 0.75) / 2] * 4, abs=1e-3)
