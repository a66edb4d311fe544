"""The area against scikit-learn."""

import math

import numpy as np
import pytest
from sklearn.metrics import auc as reference

from mmvd.ops import auc


def test_equals_scikit_learn():
    x = np.arange(0.01, 0.97, 0.05)
    y = np.random.default_rng(0).random(len(x))
    area, mean = auc(x, y)
    assert area == pytest.approx(reference(x, y)) and mean == pytest.approx(area / (x[-1] - x[0]))
    assert auc(x[::-1], y[::-1])[0] == pytest.approx(area)


def test_constant_curve_has_its_value_as_mean():
    assert auc([0.0, 0.3, 1.0], [7.0, 7.0, 7.0]) == pytest.approx((7.0, 7.0))


def test_nan_is_not_hidden():
    assert math.isnan(auc([0, 1], [1.0, math.nan])[0])


@pytest.mark.parametrize('x, y', [([0], [1]), ([0, 1], [1]), ([0, 1, 0.5], [1, 1, 1]), ([0, 0], [1, 1])])
def test_refuses_nonsense(x, y):
    with pytest.raises(ValueError):
        auc(x, y)
