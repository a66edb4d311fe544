"""Grouped probes: each follows the trajectory it would have alone, and the best is as good as logistic regression."""

import pytest
import torch
from mmengine.structures import BaseDataElement
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression

from mmvd.errors import ConfigError
from mmvd.models import LinearProbeHead

RATES, DROPOUTS = (1e-3, 0.05, 0.5), (0.0, 0.3)
DIMS, CLASSES, BATCH, STEPS = 24, 5, 16, 25
# float32, sums in another order over 25 steps with momentum; 2e-6 seen
RTOL, ATOL = 1e-4, 1e-5


def batch(step: int) -> tuple:
    generator = torch.Generator().manual_seed(step)
    features, labels = (
        torch.randn(BATCH, DIMS, generator=generator),
        torch.randint(0, CLASSES, (BATCH,), generator=generator),
    )
    samples = [
        BaseDataElement(metainfo=dict(sample_key=1000 * step + i), gt_label=labels[i : i + 1]) for i in range(BATCH)
    ]
    return features, labels, samples


def train(head: LinearProbeHead, steps: int = STEPS) -> LinearProbeHead:
    optimizer = torch.optim.SGD(head.parameters(), lr=1.0, momentum=0.9)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for step in range(steps):
        features, _, samples = batch(step)
        optimizer.zero_grad()
        head.loss((features,), samples)['loss'].backward()
        optimizer.step()
        schedule.step()
    return head


def test_each_head_is_as_if_alone():
    together = train(LinearProbeHead(CLASSES, DIMS, RATES, DROPOUTS, lr_scale=0.5))
    for index, (rate, dropout) in enumerate(together.settings):
        alone = train(LinearProbeHead(CLASSES, DIMS, [rate], [dropout], lr_scale=0.5))
        torch.testing.assert_close(together.weight[index], alone.weight[0], rtol=RTOL, atol=ATOL)
        torch.testing.assert_close(together.bias[index], alone.bias[0], rtol=RTOL, atol=ATOL)
    assert not torch.allclose(together.weight[0], together.weight[3])  # dropout makes a difference


@pytest.mark.parametrize('rate', RATES)
def test_without_dropout_it_is_torchs_linear_layer_and_sgd(rate):
    """Independent reference: nn.Linear with its own learning rate."""
    head = LinearProbeHead(CLASSES, DIMS, RATES, DROPOUTS, lr_scale=0.5)
    linear = torch.nn.Linear(DIMS, CLASSES)
    number = RATES.index(rate)
    linear.load_state_dict(dict(weight=head.weight[number].data, bias=head.bias[number].data))
    optimizer = torch.optim.SGD(linear.parameters(), lr=rate * 0.5, momentum=0.9)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    for step in range(STEPS):
        features, labels, _ = batch(step)
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(linear(features), labels).backward()
        optimizer.step()
        schedule.step()
    torch.testing.assert_close(train(head).weight[number].data, linear.weight.data, rtol=RTOL, atol=ATOL)
    scores = head((batch(0)[0],))
    torch.testing.assert_close(scores[:, number], linear(batch(0)[0]), rtol=1e-4, atol=1e-5)


def test_dropout_takes_its_share_and_keeps_the_mean():
    head = LinearProbeHead(2, 4000, [0.1], DROPOUTS)
    plain, dropped = head._drop(torch.ones(8, 4000), torch.arange(8))
    assert (plain == 1).all() and float((dropped == 0).float().mean()) == pytest.approx(0.3, abs=0.01)
    assert float(dropped.mean()) == pytest.approx(1, abs=0.02)
    assert torch.equal(
        head._drop(torch.ones(1, 4000), torch.tensor([5]))[1], dropped[5:6]
    )  # of the sample alone, not of the batch


@pytest.mark.parametrize(
    'rates, dropouts, text',
    [
        ([0.1, 0.1], [0.0], 'holds a head twice'),
        ([0.1], [0.0, 0.0], 'holds a head twice'),
        ([], [0.0], 'is empty'),
        ([0.0], [0.0], 'must be positive|must be a finite number'),
        ([0.1], [1.0], 'below 1'),
        ([float('nan')], [0.0], 'must be positive|must be a finite number'),
    ],
)
def test_odd_grids_are_refused(rates, dropouts, text):
    with pytest.raises(ConfigError, match=text):
        LinearProbeHead(CLASSES, DIMS, rates, dropouts)


def test_best_head_is_as_good_as_logistic_regression():
    x, y = make_classification(
        1500, 32, n_informative=12, n_classes=CLASSES, n_clusters_per_class=1, class_sep=0.8, random_state=0
    )
    x, y = torch.from_numpy(x).float(), torch.from_numpy(y)
    reference = 100 * LogisticRegression(max_iter=2000).fit(x[:1000], y[:1000]).score(x[1000:], y[1000:])
    head = LinearProbeHead(CLASSES, 32, [1e-4, 1e-3, 1e-2, 0.1, 0.2], [0.0, 0.3])
    optimizer = torch.optim.SGD(head.parameters(), lr=1.0, momentum=0.9)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 200)
    for step in range(200):
        chosen = torch.randperm(1000, generator=torch.Generator().manual_seed(step))[:128]
        samples = [
            BaseDataElement(metainfo=dict(sample_key=step * 1000 + int(i)), gt_label=y[i : i + 1]) for i in chosen
        ]
        optimizer.zero_grad()
        head.loss((x[chosen],), samples)['loss'].backward()
        optimizer.step()
        schedule.step()
    accuracy = 100 * (head((x[1000:],)).argmax(-1) == y[1000:, None]).float().mean(0)
    assert 60 < reference < 99 and float(accuracy.max()) >= reference - 2
    assert float(accuracy.min()) < float(accuracy.max()) - 5  # the grid matters
