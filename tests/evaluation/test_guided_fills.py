"""Classic fills that follow the image, beside loops and closed forms."""

import numpy as np
import pytest
import torch

from mmvd.evaluation.baselines import BASELINES, READ_THE_IMAGE, complete_with
from mmvd.evaluation.guided_fills import guided_fill, joint_bilateral_fill


@pytest.fixture
def sparse():
    random = np.random.default_rng(0)
    depth = random.uniform(1, 5, (24, 30)).astype(np.float32)
    depth[random.random(depth.shape) > 0.1] = 0
    return depth, random.integers(0, 256, (24, 30, 3), dtype=np.uint8)


def test_joint_bilateral_is_that_of_a_loop(sparse):
    depth, image = sparse
    filled, measured = joint_bilateral_fill(depth, image), np.argwhere(depth > 0)
    spacing = np.sqrt(depth.size / len(measured))
    for row, column in np.argwhere(depth <= 0)[::7]:
        away = np.linalg.norm(measured - (row, column), axis=1)
        order = np.argsort(away)
        if np.isclose(away[order[15]], away[order[16]]):
            continue  # which of two equally near ones belongs to the sixteen is left open
        chosen = measured[order[:16]]
        change = image[tuple(chosen.T)].astype(float) - image[row, column]
        weight = np.exp(-0.5 * ((away[order[:16]] / spacing) ** 2 + (change**2).sum(1) / 12**2))
        if weight.sum() > 1e-30:
            expected = (weight * depth[tuple(chosen.T)]).sum() / weight.sum()
            assert filled[row, column] == pytest.approx(expected, rel=1e-4)
    np.testing.assert_array_equal(filled[depth > 0], depth[depth > 0])


def test_guided_fill_finds_depth_that_is_linear_in_grey():
    random = np.random.default_rng(1)
    grey = random.integers(0, 256, (40, 50))
    truth = (2 + grey / 100).astype(np.float32)
    depth = np.where(random.random(truth.shape) < 0.3, truth, 0).astype(np.float32)
    filled = guided_fill(depth, np.repeat(grey[..., None], 3, 2).astype(np.uint8))
    assert np.abs(filled - truth).max() < 0.02  # but for the term that keeps flat windows calm
    np.testing.assert_array_equal(filled[depth > 0], depth[depth > 0])
    flat = guided_fill(np.where(depth > 0, 2.0, 0).astype(np.float32), np.zeros((40, 50, 3), np.uint8))
    np.testing.assert_allclose(flat, 2, rtol=1e-5)


@pytest.mark.parametrize('name', BASELINES)
def test_one_point_whole_maps_and_none(name, sparse):
    image = torch.from_numpy(sparse[1]).permute(2, 0, 1)[:, :20]  # a padded map is larger than its image
    one = np.zeros((24, 30), np.float32)
    assert not complete_with(name, one, image).any()
    one[3, 4] = 2
    filled = complete_with(name, one, image)
    assert filled.shape == one.shape and np.isfinite(filled).all() and filled[3, 4] == pytest.approx(2)
    if name in READ_THE_IMAGE:
        np.testing.assert_allclose(filled, 2, rtol=1e-5)
    whole = np.full((24, 30), 3, np.float32)
    np.testing.assert_allclose(complete_with(name, whole, image), 3)
