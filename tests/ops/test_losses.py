"""The loss against numbers worked out by hand, gradients in float64, and every empty set."""

import math

import pytest
import torch

from mmvd.ops import balanced_si_loss, multi_scale_balanced_si_loss


def hand(ratios, lam=0.85):
    g = [math.log(r) for r in ratios]
    n = len(g)
    return 10 * math.sqrt(sum(x * x for x in g) / n - lam * (sum(g) / n) ** 2)


def maps(*values):
    return torch.tensor(values, dtype=torch.float64).view(len(values), 1, 2, 2)


KEPT, GONE = False, True


def test_two_by_two_by_hand():
    pred, target = maps([2, 1, 3, 4]), maps([1, 1, 1, 1])
    removed = torch.tensor([[[[KEPT, KEPT], [GONE, GONE]]]])
    expected = (hand([2, 1]) + hand([3, 4])) / 2
    assert balanced_si_loss(pred, target, removed).item() == pytest.approx(expected, rel=1e-9)


def test_balances_each_sample_not_the_batch():
    pred, target = maps([2, 2, 2, 3], [1, 1, 1, 5]), maps([1, 1, 1, 1], [1, 1, 1, 1])
    removed = torch.tensor([[[[KEPT, KEPT], [KEPT, GONE]]], [[[GONE, GONE], [GONE, GONE]]]])
    expected = ((hand([2, 2, 2]) + hand([3])) / 2 + hand([1, 1, 1, 5])) / 2  # an empty set leaves the word to the other
    assert balanced_si_loss(pred, target, removed).item() == pytest.approx(expected, rel=1e-9)


def test_pixels_without_target_do_not_count():
    pred, target = maps([2, 9, 3, 7]), maps([1, 0, 1, math.nan])
    removed = torch.tensor([[[[KEPT, KEPT], [GONE, GONE]]]])
    assert balanced_si_loss(pred, target, removed).item() == pytest.approx((hand([2]) + hand([3])) / 2, rel=1e-9)


def test_joint_scale_changes_nothing():
    pred, target, removed = torch.rand(2, 1, 8, 8) + 0.5, torch.rand(2, 1, 8, 8) + 0.5, torch.rand(2, 1, 8, 8) < 0.5
    torch.testing.assert_close(balanced_si_loss(pred, target, removed), balanced_si_loss(3 * pred, 3 * target, removed))


@pytest.mark.parametrize('case', ['no target', 'nothing removed', 'all removed', 'one sample empty', 'perfect'])
def test_finite_with_finite_gradient(case):
    target, removed = torch.rand(2, 1, 4, 4) + 0.5, torch.rand(2, 1, 4, 4) < 0.5
    if case == 'no target':
        target[:] = 0
    elif case == 'nothing removed':
        removed[:] = False
    elif case == 'all removed':
        removed[:] = True
    elif case == 'one sample empty':
        target[0] = 0
    pred = (target if case == 'perfect' else torch.rand(2, 1, 4, 4) + 0.5).clone().requires_grad_()
    loss = balanced_si_loss(pred, target, removed)
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(pred.grad).all()
    if case == 'no target':
        assert loss == 0 and (pred.grad == 0).all()
    if case == 'one sample empty':  # which does not count
        torch.testing.assert_close(loss, balanced_si_loss(pred[1:], target[1:], removed[1:]))


def test_gradcheck():
    target, removed = torch.rand(2, 1, 3, 3, dtype=torch.float64) + 0.5, torch.rand(2, 1, 3, 3) < 0.5
    target[0, 0, 0, 0] = 0
    pred = (torch.rand(2, 1, 3, 3, dtype=torch.float64) + 0.5).requires_grad_()
    assert torch.autograd.gradcheck(lambda p: balanced_si_loss(p, target, removed), (pred,))


@pytest.mark.parametrize('value', [0.0, -0.1, -50.0])
@pytest.mark.parametrize('where', ['everywhere', 'one pixel'])
def test_non_positive_predictions_are_lifted(value, where):
    target = torch.rand(1, 1, 6, 6, dtype=torch.float64) * 10 + 0.1
    pred = target.clone() * 1.1
    chosen = torch.zeros_like(pred, dtype=torch.bool)
    chosen[..., 2, 3] = True
    if where == 'everywhere':
        chosen[:] = True
    pred[chosen] = value
    pred.requires_grad_()
    balanced_si_loss(pred, target, torch.rand(1, 1, 6, 6) < 0.5).backward()
    assert torch.isfinite(pred.grad).all() and (pred.grad[chosen] < 0).all()


def test_multi_scale_is_the_mean_over_scales():
    target, removed = torch.rand(1, 1, 8, 8) + 0.5, torch.rand(1, 1, 8, 8) < 0.5
    preds = [torch.rand(1, 1, side, side) + 0.5 for side in (2, 8)]
    small = balanced_si_loss(preds[0], target[..., ::4, ::4], removed[..., ::4, ::4])
    expected = (small + balanced_si_loss(preds[1], target, removed)) / 2
    torch.testing.assert_close(multi_scale_balanced_si_loss(preds, target, removed), expected)


def test_full_precision_inside_autocast():
    pred, target, removed = torch.rand(1, 1, 8, 8) + 0.5, torch.rand(1, 1, 8, 8) + 0.5, torch.rand(1, 1, 8, 8) < 0.5
    with torch.autocast('cpu', torch.bfloat16):
        inside = balanced_si_loss(pred, target, removed)
    assert inside.dtype == torch.float32 and torch.equal(inside, balanced_si_loss(pred, target, removed))


def test_shapes_must_agree():
    with pytest.raises(ValueError, match='one shape'):
        balanced_si_loss(torch.ones(1, 1, 2, 2), torch.ones(1, 1, 2, 2), torch.ones(1, 2, 2, dtype=torch.bool))
