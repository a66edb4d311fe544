"""Depth at another resolution, and measurements put back."""

import numpy as np
import pytest
import torch

from mmvd import ops


def test_every_value_is_a_measured_one_of_its_cell_the_nearest_to_the_centre():
    generator = np.random.default_rng(0)
    depth = generator.uniform(0.5, 9, (37, 53)).astype(np.float32) * (generator.random((37, 53)) < 0.2)
    found = ops.resize_depth(torch.from_numpy(depth)[None, None], (9, 11))[0, 0].numpy()
    y, x = np.nonzero(depth)
    at_y, at_x = (y + 0.5) * 9 / 37, (x + 0.5) * 11 / 53
    distance = (at_y % 1 - 0.5) ** 2 + (at_x % 1 - 0.5) ** 2
    for row in range(9):
        for column in range(11):
            inside = (at_y.astype(int) == row) & (at_x.astype(int) == column)
            if not inside.any():
                assert found[row, column] == 0
                continue
            nearest = inside & (distance <= distance[inside].min() + 1e-9)  # there may be ties
            assert found[row, column] in depth[y, x][nearest]


def test_a_sparse_map_keeps_its_points():
    depth = torch.zeros(1, 1, 240, 320)
    flat = depth.flatten()
    flat[torch.randperm(flat.numel())[:76]] = 3.0  # one in a thousand
    small = ops.resize_depth(depth, (60, 80))
    assert (small > 0).sum() >= 70 and set(small.unique().tolist()) == {0.0, 3.0}


def test_an_axis_that_shrinks_keeps_its_points_where_the_other_one_grows():
    depth = torch.zeros(1, 1, 100, 400)
    depth[..., ::4, ::4] = torch.rand(25, 100) + 1
    same, taller = ops.resize_depth(depth, (100, 100)), ops.resize_depth(depth, (200, 100))
    assert (same > 0).float().mean() == 0.25
    assert torch.equal(taller, same.repeat_interleave(2, 2))


def test_the_same_size_and_larger_sizes():
    depth = torch.rand(2, 1, 6, 8)
    assert torch.equal(ops.resize_depth(depth, (6, 8)), depth)
    assert torch.equal(ops.resize_depth(depth, (12, 16)), depth.repeat_interleave(2, 2).repeat_interleave(2, 3))


def test_measured_pixels_pass_and_the_seam_fades():
    pred, depth = torch.full((1, 1, 41, 41), 2.0), torch.zeros(1, 1, 41, 41)
    depth[0, 0, 20, 20] = 3.0
    kept = ops.keep_measured(pred, depth, sigma_px=4.0)[0, 0]
    assert kept[20, 20] == 3.0
    profile = kept[20, 20:]
    assert (profile.diff() <= 1e-6).all() and 2.8 < profile[1] < 3.0  # falls, and starts near the measurement
    expected = 2 + np.exp(-0.5 * (8 / 4) ** 2) / (np.exp(-0.5 * (8 / 4) ** 2) + 0.1)
    assert profile[8].item() == pytest.approx(expected, rel=1e-5)
    torch.testing.assert_close(kept[:, :4], pred[0, 0, :, :4])  # beyond its reach nothing moves
    assert torch.equal(ops.keep_measured(pred, torch.zeros_like(depth)), pred)


def test_one_axis_alone_grows():
    depth = torch.rand(1, 1, 6, 8) + 0.5
    assert torch.equal(ops.resize_depth(depth, (6, 16)), depth.repeat_interleave(2, 3))
    assert torch.equal(ops.resize_depth(depth, (12, 8)), depth.repeat_interleave(2, 2))
    assert (ops.resize_depth(depth, (3, 16)) > 0).all() and (ops.resize_depth(depth, (12, 4)) > 0).all()
