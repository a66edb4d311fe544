"""The completion head: weights of metres, skips before they are resized, full precision, and its loss module."""

import numpy as np
import pytest
import torch

from mmvd import ops
from mmvd.errors import ConfigError
from mmvd.models.heads.depth_completion_head import DepthCompletionHead, decode_weights
from mmvd.registry import MODELS
from tests.conftest import tiny_completer


@pytest.mark.parametrize(
    'max_depth, weights',
    [
        (15.0, [10, 1, 0.1, 0.01]),
        (500.0, [100, 10, 1, 0.1, 0.01]),
        (10.0, [10, 1, 0.1, 0.01]),
        (5.0, [1, 0.1, 0.01]),
        (1000.0, [1000, 100, 10, 1, 0.1, 0.01]),
    ],
)
def test_decode_weights(max_depth, weights):
    torch.testing.assert_close(decode_weights(max_depth), torch.tensor([float(w) for w in weights]))


def test_metric_decoding_by_hand():
    head = DepthCompletionHead(8, (8, 8, 8, 8))
    vector = torch.tensor([0.2, -0.5, 3.0, 7.0]).view(1, 4, 1, 1)
    np.testing.assert_allclose(head.decode(vector).item(), 2.0 - 0.005 + 0.3 + 0.07, rtol=1e-6)
    with pytest.raises(ConfigError):
        DepthCompletionHead(8, (8, 8))
    with pytest.raises(ConfigError):
        DepthCompletionHead(8, max_depth=-1.0)


def test_loss_module_is_the_function():
    preds, target, removed = (
        [torch.rand(1, 1, s, s) + 1 for s in (4, 8)],
        torch.rand(1, 1, 8, 8) + 1,
        torch.rand(1, 1, 8, 8) < 0.5,
    )
    module = MODELS.build(dict(type='mmvd.BalancedSILoss', alpha=3.0, lam=0.5))
    assert torch.equal(
        module(preds, target, removed), ops.multi_scale_balanced_si_loss(preds, target, removed, 3.0, 0.5)
    )


@pytest.mark.parametrize('frozen', ['rgb', 'all'])
@pytest.mark.parametrize('size', [(56, 56), (61, 74)])
def test_skips_are_projected_before_they_are_resized(size, frozen):
    """To the same predictions and gradients as afterwards, where the authors' code does it; in float64."""
    model = tiny_completer(test_cfg=None, frozen=frozen)
    model.head = DepthCompletionHead(32, (16, 12, 8, 8), skip_channels=5, norm_eval=True)
    model = model.double().train()
    inputs = torch.rand(2, 4, *size, dtype=torch.float64)
    before = model.complete(inputs)
    model.head.skips[0].weight.grad = None
    sum(pred.sum() for pred in before).backward()
    gradient = model.head.skips[0].weight.grad
    features, factor = model.backbone.extract(inputs)
    after = model.head.complete([model.head.project(level, x) for level, x in enumerate(features)], inputs, factor)
    model.head.skips[0].weight.grad = None
    sum(pred.sum() for pred in after).backward()
    for a, b in zip(before, after, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(gradient, model.head.skips[0].weight.grad, rtol=1e-9, atol=1e-9)


def test_vectors_of_metres_are_computed_in_full_precision():
    """In half precision an entry that counts 10 m is rounded to centimetres."""
    head = DepthCompletionHead(8, (8, 8, 8, 8)).eval()
    seen = []
    head.blocks[-1].register_forward_hook(lambda module, inputs, output: seen.append(output))
    with torch.no_grad(), torch.autocast('cpu', torch.bfloat16):
        preds = head([torch.randn(1, 8, side, side) for side in (28, 14, 7, 4)], (56, 56))
    assert seen[0].dtype == torch.bfloat16  # the rest is fast
    with torch.no_grad():
        torch.testing.assert_close(preds[-1], head.decode(head.vectors[-1](seen[0].float())), rtol=0, atol=0)
        assert (
            head.double()([torch.randn(1, 8, side, side).double() for side in (28, 14, 7, 4)], (56, 56))[-1]
            .isfinite()
            .all()
        )
