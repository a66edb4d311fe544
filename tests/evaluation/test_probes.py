"""Which head is reported; k-NN against scikit-learn; the layout of Table 7."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier

from mmvd.engine import ProbeReportHook
from mmvd.engine.hooks import probe_report_hook
from mmvd.errors import ConfigError
from mmvd.evaluation import LinearProbeMetric
from mmvd.evaluation.knn import knn_accuracy
from mmvd.evaluation.robustness import PAPER_COLUMNS, DepthStatistics, format_table, full_grid


def samples(right: dict[str, list[list[bool]]]) -> list[dict]:
    """Samples of class 1 that each head names rightly or not."""
    return [
        dict(probe_labels=torch.tensor([1 if ok else 0 for ok in row]), gt_label=torch.tensor([1]), split=split)
        for split, rows in right.items()
        for row in rows
    ]


def metric_of(heads: int, **kwargs) -> LinearProbeMetric:
    metric = LinearProbeMetric(**kwargs)
    metric.settings = [(rate, dropout) for dropout in (0.0, 0.5) for rate in (0.1, 0.2)][:heads]
    return metric


def evaluate(metric: LinearProbeMetric, data: list[dict]) -> dict:
    metric.process({}, data)
    return metric.evaluate(len(data))


def test_the_head_is_chosen_on_the_held_out_part():
    data = samples(
        dict(holdout=[[0, 1, 1, 0], [0, 1, 0, 0]], test=[[1, 1, 0, 0], [1, 0, 0, 0], [1, 0, 1, 0], [0, 0, 0, 1]])
    )
    metric = metric_of(4)
    flat = evaluate(metric, data)
    assert flat == {
        'probe/accuracy': 25.0,
        'probe/accuracy_selected_on_holdout': 25.0,
        'probe/accuracy_best_on_test': 75.0,
        'probe/holdout_accuracy': 100.0,
        'probe/selection_accuracy': 100.0,
    }
    assert metric.result['selected'] == dict(head=1, learning_rate=0.2, dropout=0.0, holdout=100.0, test=25.0)
    assert (
        'head 1: rate 0.2' in metric.table()
        and 'head 0: rate 0.1' in metric.table()
        and len(metric.result['heads']) == 4
    )
    paper = metric_of(4, paper_compat=True)
    assert evaluate(paper, data)['probe/accuracy'] == 75.0 and 'paper_compat' in paper.table()


def test_without_held_out_part_only_the_papers_way_is_left():
    data = samples(dict(test=[[1, 0], [1, 1]]))
    with pytest.raises(ConfigError, match='need a test set and a held-out part'):
        evaluate(metric_of(2), data)
    paper = metric_of(2, paper_compat=True)
    assert evaluate(paper, data) == {
        'probe/accuracy': 100.0,
        'probe/accuracy_best_on_test': 100.0,
        'probe/selection_accuracy': 100.0,
    }
    assert (
        paper.result['selected']['holdout'] is None
        and 'chosen on the held-out part' not in paper.table().splitlines()[1]
    )


@pytest.mark.parametrize('split', [None, 'hold-out'])
def test_samples_must_say_what_they_are_for(split):
    """A held-out sample that does not say so would be tested, and one of an unknown name would not count at all."""
    sample = dict(probe_labels=torch.tensor([1]), gt_label=torch.tensor([1]), **(dict(split=split) if split else {}))
    with pytest.raises(ConfigError, match=f"says split={split!r} where 'holdout' or 'test' is needed.*meta_keys"):
        metric_of(1).process({}, [sample])


def test_what_was_trained_on_does_not_choose():
    metric = metric_of(2)
    metric.ignores_holdout = True
    data = samples(dict(test=[[1, 0], [1, 1]], holdout=[[0, 1]]))
    with pytest.raises(ConfigError, match='not trained on, .*test_evaluator.paper_compat=True'):
        evaluate(metric, data)
    metric = metric_of(2, paper_compat=True)
    metric.ignores_holdout = True
    evaluate(metric, data)
    assert metric.result['images'] == dict(holdout=0, test=2) and metric.result['selected_on_holdout'] is None


def test_samples_that_fill_the_last_rank_count_once():
    """mmengine cuts what is repeated off behind as many rows as there are samples."""
    data = samples(dict(test=[[1, 0], [1, 1]], holdout=[[0, 1]]))
    metric = metric_of(2, paper_compat=True)
    metric.ignores_holdout = True
    metric.process({}, [*data, data[0]])
    metric.evaluate(len(data))
    assert metric.result['images'] == dict(holdout=0, test=2)


def test_what_does_not_fit_is_refused():
    data = samples(dict(test=[[1, 0], [1, 1]], holdout=[[1, 1]]))
    with pytest.raises(ConfigError, match='2 heads, and the settings of 4'):
        evaluate(metric_of(4), data)
    with pytest.raises(ConfigError, match='k must be a whole number of at least 1, got 0'):
        knn_accuracy(torch.randn(3, 2), torch.zeros(3).long(), torch.randn(2, 2), torch.zeros(2).long(), [5, 0])


@pytest.mark.parametrize(('k', 'temperature'), [(1, 0.07), (5, 0.07), (20, 0.07), (20, 2.0)])
def test_knn_is_scikit_learns(k, temperature, monkeypatch):
    monkeypatch.setattr('mmvd.evaluation.knn._CHUNK_ELEMENTS', 150 * 16)  # of 70 test samples 16 at once
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 4, (220,), generator=generator)
    features = torch.randn(220, 16, generator=generator) + 1.2 * torch.nn.functional.one_hot(labels, 16)
    reference = KNeighborsClassifier(k, metric='cosine', weights=lambda d: np.exp((1 - d) / temperature))
    reference.fit(features[:150].numpy(), labels[:150].numpy())
    expected = 100 * reference.score(features[150:].numpy(), labels[150:].numpy())
    found = knn_accuracy(features[:150], labels[:150], features[150:], labels[150:], [k], temperature)
    assert found[k] == pytest.approx(expected)
    assert 30 < expected < 100
    halves = knn_accuracy(features[:150].half(), labels[:150], features[150:].half(), labels[150:], [k], temperature)
    assert halves[k] == pytest.approx(expected, abs=2)


def test_depth_statistics_are_numpys():
    depth = torch.rand(3, 1, 8, 9)
    depth[depth < 0.3] = 0
    statistics = DepthStatistics()
    for part in depth:
        statistics.add(part)
    valid = depth[depth > 0].numpy()
    found = statistics.result()
    assert (found['mean_m'], found['std_m']) == (
        pytest.approx(valid.mean(), rel=1e-6),
        pytest.approx(valid.std(), rel=1e-5),
    )
    assert found['missing'] == pytest.approx(float((depth == 0).float().mean()))
    assert DepthStatistics().result() == dict(mean_m=0, std_m=0, missing=1)


def test_table_7_has_the_papers_columns():
    rows = [
        dict(zeros=a.zeros, scale=a.scale, mIoU=10 + i, mean_m=1.0, std_m=0.5, missing=0.1)
        for i, a in enumerate(full_grid())
    ]
    assert len(rows) == 21 and len(PAPER_COLUMNS) == 9
    text = format_table(rows, 12.5)
    own = next(line for line in text.splitlines() if 'this checkpoint' in line)
    by_setting = {(row['zeros'], row['scale']): f'{row["mIoU"]:.2f}' for row in rows}
    assert own.split()[3:] == [*(by_setting[a.zeros, a.scale] for a in PAPER_COLUMNS), '12.50']
    paper = next(line for line in text.splitlines() if "the paper's mIoU" in line)
    assert paper.split()[-10:] == [
        '55.63',
        '55.14',
        '55.64',
        '56.01',
        '56.05',
        '55.22',
        '55.50',
        '55.28',
        '55.19',
        '53.75',
    ]


def test_fewer_samples_than_neighbours():
    train, labels = torch.eye(3), torch.tensor([0, 1, 1])
    found = knn_accuracy(train, labels, torch.tensor([[1.0, 0, 0]]), torch.tensor([0]), [2, 50])
    assert found == {2: 100.0, 50: 100.0}


class Images(list):
    """Names of images."""

    name_of = list.__getitem__

    def __init__(self, *names, split='test', classes=('a', 'b')):
        super().__init__(names)
        self.split, self.metainfo = split, dict(classes=classes)


def probing(train, *evaluated, resume=False, **about) -> SimpleNamespace:
    """A runner whose head has one probe."""
    head = SimpleNamespace(num_classes=2, settings=[(0.1, 0.0)], constants=lambda: dict(settings=[(0.1, 0.0)], seed=1))
    runner = dict(val_loop=1, train_loop=None, epoch=3, iter=40, cfg=dict(resume=resume, load_from='a.pth'))
    runner.update(model=SimpleNamespace(head=head), logger=SimpleNamespace(info=lambda text: None))
    runner['train_dataloader'] = SimpleNamespace(dataset=train)
    for mode in ('val', 'test'):
        runner[f'{mode}_dataloader'] = SimpleNamespace(dataset=SimpleNamespace(datasets=evaluated))
        runner[f'{mode}_evaluator'] = SimpleNamespace(metrics=[LinearProbeMetric(**about)])
    return SimpleNamespace(**runner)


TRAIN, TEST, HOLDOUT = Images('train'), Images('test'), Images('held out', split='holdout')


@pytest.mark.parametrize(
    ('told', 'data', 'about'),
    [
        (None, (TRAIN, HOLDOUT, TEST), {}),
        (None, (TRAIN, TEST), dict(paper_compat=True)),
        ('the training data have 1 classes, but', (Images(classes=('a',)), HOLDOUT, TEST), {}),
        ('val_dataloader: .* class 0 is .b. here', (TRAIN, HOLDOUT, Images('test', classes=('b', 'a'))), {}),
        ('need a test set and a held-out part', (TRAIN, TEST), {}),
        ('need a test set and a held-out part', (TRAIN, HOLDOUT), {}),
        ('need a test set and a held-out part', (TRAIN, HOLDOUT), dict(paper_compat=True)),
        ('1 held-out samples are in the training set, e.g. held out', (HOLDOUT, HOLDOUT, TEST), {}),
    ],
)
def test_data_of_probes_are_compared_before_training(told, data, about):
    runner, hook = probing(*data, **about), ProbeReportHook()
    if told:
        with pytest.raises(ConfigError, match=told):
            hook.before_train(runner)
        return
    hook.before_train(runner)
    assert runner.val_evaluator.metrics[0].settings == [(0.1, 0.0)] and not hook.holdout_is_trained_on


def test_checkpoints_know_what_probes_were_trained_on(monkeypatch):
    runner, hook, content = probing(HOLDOUT, HOLDOUT, TEST, paper_compat=True), ProbeReportHook(), dict(meta={})
    hook.before_train(runner)
    assert runner.val_evaluator.metrics[0].ignores_holdout
    hook.before_save_checkpoint(runner, content)
    assert content['meta']['linear_probes'] == dict(settings=[(0.1, 0.0)], seed=1, holdout_is_trained_on=True)
    content['meta']['dataset_meta'] = dict(classes=('a', 'b'))
    hook, saved = ProbeReportHook(), []
    hook.after_load_checkpoint(runner, content)
    hook.before_test_epoch(runner)
    metric = runner.test_evaluator.metrics[0]
    assert metric.ignores_holdout and metric.settings == [(0.1, 0.0)]
    with pytest.raises(ConfigError, match='test_dataloader: .* class 0 is .b. here'):
        hook.before_test_epoch(probing(TRAIN, Images('test', classes=('b', 'a')), paper_compat=True))
    content['meta']['linear_probes']['seed'] = 2
    hook.after_load_checkpoint(runner, content)  # which no test draws with
    with pytest.raises(ConfigError, match='different: seed'):
        hook.after_load_checkpoint(probing(TRAIN, TEST, resume=True), content)
    monkeypatch.setattr(probe_report_hook, 'save_result', lambda runner, *about, **state: saved.append((*about, state)))
    metric.result = runner.val_evaluator.metrics[0].result = {}
    monkeypatch.setattr(LinearProbeMetric, 'table', lambda self: '')
    hook.after_val_epoch(runner)
    hook.after_test_epoch(runner)
    assert saved == [('epoch_3', {}, dict(epoch=3, iter=40)), ('test', {}, dict(checkpoint='a.pth'))]
