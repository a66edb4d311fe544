"""Errors against a plain numpy reference; averaging, baselines, areas, empty sets."""

import json
import threading
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.hooks import CheckpointHook, EarlyStoppingHook, Hook, ParamSchedulerHook
from mmengine.structures import BaseDataElement
from scipy.ndimage import distance_transform_edt
from sklearn.metrics import auc, root_mean_squared_error

from mmvd.engine import AtomicCheckpointHook, DepthReportHook
from mmvd.engine.hooks import depth_report_hook
from mmvd.errors import ConfigError
from mmvd.evaluation import DepthCompletionMetric, baselines
from mmvd.evaluation.baselines import inpaint, linear_fill, mean_fill, nearest_fill
from mmvd.evaluation.depth_completion_metric import REDUCTIONS
from mmvd.evaluation.depth_errors import KEYS
from mmvd.evaluation.guided_fills import guided_fill, joint_bilateral_fill
from mmvd.evaluation.report import format_table
from mmvd.registry import METRICS

GRID = [0.2, 0.5, 0.9]


def reference(pred, target):
    """Ten lines of numpy over the pixels that count, metres in."""
    pred, target = pred.astype(np.float64), target.astype(np.float64)
    ratio = np.maximum(pred / target, target / pred)
    return dict(
        rmse_mm=1e3 * root_mean_squared_error(target, pred),
        mae_mm=1e3 * np.abs(pred - target).mean(),
        irmse_per_km=np.sqrt(((1e3 / pred - 1e3 / target) ** 2).mean()),
        imae_per_km=np.abs(1e3 / pred - 1e3 / target).mean(),
        abs_rel=(np.abs(pred - target) / target).mean(),
        delta1=(ratio < 1.25).mean(),
        delta2=(ratio < 1.5625).mean(),
        delta3=(ratio < 1.953125).mean(),
    )


def make_sample(seed, height=20, width=24):
    g = torch.Generator().manual_seed(seed)
    target = torch.rand(1, height, width, generator=g) * 5 + 0.5
    target[0, :2] = 0
    given = torch.cat([target * (torch.rand(1, height, width, generator=g) < kept) for kept in GRID])
    sample = BaseDataElement(metainfo=dict(sample_key=seed, protocol=dict(kept_densities=GRID, pattern='pixel')))
    sample.set_data(
        dict(gt_depth=target, input_depth=given, pred_depth=target + torch.randn(3, height, width, generator=g))
    )
    return sample


def run(samples, **kwargs):
    metric = METRICS.build(dict(type='mmvd.DepthCompletionMetric', **kwargs))
    for sample in samples:  # batch by batch: the order of accumulation must not matter
        metric.process({}, [sample])
    return metric, metric.evaluate(len(samples))


def test_equals_numpy():
    samples = [make_sample(seed) for seed in range(3)]
    metric, flat = run(samples)
    for s, subset in enumerate(('removed', 'kept', 'all')):
        for d in range(3):
            rows = []
            for sample in samples:
                target, given = sample.gt_depth[0].numpy(), sample.input_depth[d].numpy()
                mask = (target > 0) & [given <= 0, given > 0, given > -1][s]
                rows.append(reference(sample.pred_depth[d].clamp(0.01, 150).numpy()[mask], target[mask]))
            for key in KEYS:
                assert metric.result['errors']['model'][subset][key][d] == pytest.approx(
                    np.mean([row[key] for row in rows]), rel=1e-5
                )
    curve = metric.result['errors']['model']['removed']['rmse_mm']
    assert flat['completion/auc_removed_rmse_mm'] == pytest.approx(auc(GRID, curve))
    assert flat['completion/auc_removed_rmse_mm_per_width'] == pytest.approx(auc(GRID, curve) / 0.7)
    assert flat['completion/removed_rmse_mm_at_0.5'] == pytest.approx(curve[1])
    assert metric.result['protocol']['kept_densities'] == GRID and metric.result['protocol']['cap_m'] == 150


def test_the_error_on_all_pixels_is_the_mean_over_densities():
    metric, flat = run([make_sample(seed) for seed in range(3)])
    curve = metric.result['errors']['model']['all']['rmse_mm']
    assert flat['completion/all_rmse_mm'] == pytest.approx(np.mean(curve))


def test_order_does_not_matter():
    samples = [make_sample(seed) for seed in range(4)]
    assert run(samples)[1] == pytest.approx(run(samples[::-1])[1])


def test_cap_is_applied_to_both_sides():
    sample = make_sample(0)
    metric, _ = run([sample], cap_m=3.0, baselines=())
    target = sample.gt_depth[0].numpy()
    mask = (target > 0) & (target <= 3)
    expected = reference(sample.pred_depth[1].clamp(0.01, 3.0).numpy()[mask], target[mask])
    assert metric.result['errors']['model']['all']['rmse_mm'][1] == pytest.approx(expected['rmse_mm'], rel=1e-5)
    assert metric.result['protocol']['cap_m'] == 3.0


def test_empty_sets_do_not_poison():
    full, empty = make_sample(0), make_sample(1)
    empty.gt_depth.zero_()
    empty.input_depth.zero_()
    metric, flat = run([full, empty])
    alone, _ = run([full])
    assert metric.result['errors'] == alone.result['errors'] and metric.result['protocol']['images'] == 2
    assert all(np.isfinite(value) for value in flat.values())
    metric, _ = run([empty])
    assert metric.result['errors']['model']['removed']['rmse_mm'] == [None] * 3


@pytest.mark.parametrize('value', ['nan', 'inf', '-inf'])
def test_a_prediction_that_is_not_finite_is_not_averaged_away(value):
    good, bad = make_sample(0), make_sample(1)
    bad.pred_depth[1] = float(value)
    metric, flat = run([good, bad])
    curve = metric.result['errors']['model']['removed']['rmse_mm']
    assert curve[1] is None and curve[0] is not None and metric.result['auc']['model']['removed']['area'] is None
    assert np.isnan(flat['completion/auc_removed_rmse_mm'])
    json.dumps(metric.result, allow_nan=False)


def test_probes_of_a_prediction_that_is_not_finite_are_unknown():
    samples = [make_sample(0), make_sample(1), make_sample(2)]
    for sample, half in zip(samples, (0.5, float('nan'), 0.5), strict=True):
        sample.set_data(
            dict(
                input_probe=sample.input_depth[:1],
                pred_probe=sample.gt_depth + 1,
                pred_half_depth=(sample.gt_depth + 1) * half,
            )
        )
    assert run([samples[0], samples[2]])[0].result['probes']['halving_ratio'] == pytest.approx(0.5)
    samples[0].pred_probe = torch.full_like(samples[0].gt_depth, torch.inf)  # no far depth
    assert run(samples[:1])[0].result['probes']['probe_rmse_mm'] is None
    samples[0].pred_probe = samples[0].gt_depth + 1
    samples[2].gt_depth.zero_()  # nothing to measure: does not count
    assert run([samples[0], samples[2]])[0].result['probes']['halving_ratio'] == pytest.approx(0.5)
    metric, flat = run(samples)
    assert metric.result['probes']['halving_ratio'] is None and np.isnan(flat['completion/halving_ratio'])


def test_nothing_kept_leaves_the_baselines_without_a_clue():
    sample = make_sample(0)
    sample.input_depth.zero_()
    metric, _ = run([sample])
    assert np.isfinite(metric.result['errors']['nearest']['removed']['rmse_mm']).all()


def test_baselines():
    rng = np.random.default_rng(0)
    truth = (rng.random((30, 40)) + 1).astype(np.float32)
    depth = truth * (rng.random((30, 40)) < 0.3)
    near, index = distance_transform_edt(depth == 0, return_indices=True)
    filled = nearest_fill(depth)
    assert (filled[depth > 0] == depth[depth > 0]).all()
    gap = np.abs(filled - depth[tuple(index)])
    assert (gap[near <= 1] == 0).mean() > 0.6 and np.isin(filled, depth[depth > 0]).all()  # ties may fall either way
    assert np.allclose(mean_fill(depth)[depth == 0], depth[depth > 0].mean())
    on_a_line = np.eye(30, 40, dtype=np.float32) * truth  # no triangle
    np.testing.assert_array_equal(linear_fill(on_a_line), nearest_fill(on_a_line))
    three = np.zeros((9, 9), np.float32)
    three[[0, 0, 8], [0, 8, 0]] = 1, 2, 3
    assert linear_fill(three)[4, 2] == pytest.approx(1 + 2 / 8 + 2 * 4 / 8)  # the plane through them
    smooth = np.fromfunction(lambda y, x: 1 + 0.01 * x + 0.02 * y, (30, 40)).astype(np.float32)
    holes = smooth * (rng.random((30, 40)) < 0.7)
    assert np.abs(inpaint(holes) - smooth).max() < 0.06
    with pytest.raises(ConfigError, match='baselines must be one of'):
        METRICS.build(dict(type='mmvd.DepthCompletionMetric', baselines=('magic',)))


def test_probes():
    sample = make_sample(0)
    given = sample.input_depth[1:2]
    sample.set_data(
        dict(
            input_probe=given,
            pred_probe=sample.gt_depth + 0.1,
            pred_half_depth=(sample.gt_depth + 0.1) * 0.52,
            pred_swapped_rgb=sample.gt_depth + 0.3,
        )
    )
    metric, flat = run([sample])
    assert flat['completion/halving_ratio'] == pytest.approx(0.52, rel=1e-4)
    assert flat['completion/probe_rmse_mm'] == pytest.approx(100, rel=1e-3)
    assert flat['completion/swapped_rgb_rmse_mm'] == pytest.approx(300, rel=1e-3)


def test_measured_pixels_that_pass_are_a_row_of_their_own():
    metric, _ = run([make_sample(0)], baselines=())
    own, kept = (metric.result['errors'][name] for name in ('model', 'model_keep_input'))
    assert all(value > 100 for value in own['kept']['rmse_mm']) and kept['kept']['rmse_mm'] == [0.0] * 3
    assert kept['removed']['rmse_mm'] != own['removed']['rmse_mm']  # the seams are blended


def test_maps_are_filled_at_once_and_in_order(monkeypatch):
    others = threading.Barrier(2, timeout=20)  # two maps meet there, or it breaks
    monkeypatch.setitem(baselines.BASELINES, 'mean', lambda depth: others.wait() * 0 + depth)
    maps = [np.full((2, 3), value, np.float32) for value in (1, 2, 3, 4)]
    np.testing.assert_array_equal(baselines.complete_maps('mean', maps, [None] * 4), maps)
    with pytest.raises(ValueError, match='shorter'):
        baselines.complete_maps('mean', maps, [None] * 3)


def test_baselines_that_read_the_image():
    sample, image = make_sample(0), torch.randint(0, 256, (3, 20, 24), dtype=torch.uint8)
    metric = METRICS.build(dict(type='mmvd.DepthCompletionMetric', baselines=('guided', 'bilateral')))
    metric.process(dict(inputs=[image]), [sample])
    metric.evaluate(1)
    given, target = sample.input_depth.numpy(), sample.gt_depth[0].numpy()
    for name, fill in (('guided', guided_fill), ('bilateral', joint_bilateral_fill)):
        for d, depth in enumerate(given):
            lacks = (depth <= 0) & (target > 0)
            expected = reference(fill(depth, image.permute(1, 2, 0).numpy())[lacks], target[lacks])['rmse_mm']
            assert metric.result['errors'][name]['removed']['rmse_mm'][d] == pytest.approx(expected, rel=1e-4)


def test_an_untrained_network_by_another_protocol_stands_beside_nothing():
    metric, _ = run([make_sample(seed) for seed in range(2)])
    result = metric.result
    assert 'untrained' in format_table(result, result)
    assert 'mean over 2 images' in format_table(result)
    pixels = dict(result, protocol=dict(result['protocol'], reduction=REDUCTIONS['pixel']))
    assert 'over all pixels of 2 images' in format_table(pixels)
    other = dict(result, protocol=dict(result['protocol'], kept_densities=[0.1, 0.9]))
    assert 'untrained' not in format_table(result, other)


def reported(folder, monkeypatch, run=None, **about):
    """A run that is about to start, what its reports said, and the hooks of each validation."""
    said, validated = [], []
    hooks = [Hook(), EarlyStoppingHook('a', rule='less'), ParamSchedulerHook(), CheckpointHook()]
    save = lambda runner, name, result, **state: said.append((name, result, state))  # noqa: E731
    monkeypatch.setattr(depth_report_hook, 'save_result', save)
    monkeypatch.setattr(depth_report_hook, 'format_table', lambda *results: f'table of {results}')
    evaluator, own = SimpleNamespace(metrics=[Hook(), DepthCompletionMetric()]), AtomicCheckpointHook()
    evaluator.metrics[1].result = 'a result'
    runner = dict(work_dir=str(folder), iter=0, epoch=0, train_loop=None, cfg={}, _hooks=[*hooks, own], val_loop=1)
    runner = SimpleNamespace(**{**runner, 'val_evaluator': evaluator, 'test_evaluator': evaluator, **about})
    runner.logger = SimpleNamespace(info=said.append)
    report = DepthReportHook(**({} if run is None else dict(untrained_reference=run)))

    def validate():
        validated.append([type(each).__name__ for each in runner._hooks])
        report.after_val_epoch(runner)

    runner.val_loop = runner.val_loop and SimpleNamespace(run=validate)
    return runner, report, said, validated


def test_the_untrained_network_stands_beside_the_trained_one(tmp_path, monkeypatch):
    runner, report, said, validated = reported(tmp_path, monkeypatch)
    report.before_train(runner)
    assert validated == [['Hook', 'AtomicCheckpointHook']] and len(runner._hooks) == 5  # those that steer are back
    assert said[1:] == [('untrained', 'a result', dict(epoch=0, iter=0))]
    (tmp_path / 'results').mkdir()
    for name in ('untrained', 'epoch_2'):  # the latter of an older run
        (tmp_path / f'results/{name}.json').write_text(f'{{"result": "{name}"}}')
    runner.epoch, runner.iter = 2, 8
    report.after_train(runner)
    assert not (tmp_path / 'results/table.txt').exists()
    report.after_val_epoch(runner)
    assert said[2:] == [('epoch_2', 'a result', dict(epoch=2, iter=8))]
    report.after_train(runner)
    assert (tmp_path / 'results/table.txt').read_text() == "table of ('epoch_2', 'untrained')\n"
    runner.cfg = dict(load_from='a.pth')
    report.after_test_epoch(runner)
    assert said[4:] == [('test', 'a result', dict(checkpoint='a.pth')), "\ntable of ('a result',)"]


@pytest.mark.parametrize(
    'about', [dict(run=False), dict(iter=1), dict(cfg=dict(load_from='a.pth')), dict(val_loop=None)]
)
def test_what_is_not_untrained_is_no_reference(tmp_path, monkeypatch, about):
    runner, report, said, validated = reported(tmp_path, monkeypatch, **about)
    report.before_train(runner)
    assert not validated and not said
