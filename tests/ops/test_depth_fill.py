"""Pull-push against a loop, cells against a search through their pixels."""

import numpy as np
import pytest
import torch

from mmvd import ops


def loop_fill(depth: np.ndarray) -> np.ndarray:
    """Pull-push of a square map whose side is a power of two, cell by cell."""
    levels = [depth]
    while len(levels[-1]) > 1:
        below = levels[-1]
        half = np.zeros((len(below) // 2,) * 2)
        for r in range(len(half)):
            for c in range(len(half)):
                cell = below[2 * r : 2 * r + 2, 2 * c : 2 * c + 2]
                half[r, c] = cell[cell > 0].mean() if (cell > 0).any() else 0
        levels.append(half)
    fill = levels[-1]
    for own in levels[-2::-1]:
        out, last = np.zeros_like(own), len(fill) - 1
        for r in range(len(own)):
            for c in range(len(own)):
                y, x = (r - 0.5) / 2, (c - 0.5) / 2
                rows, columns = ([max(int(np.floor(v)), 0), min(int(np.floor(v)) + 1, last)] for v in (y, x))
                fy, fx = max(y, 0) - rows[0], max(x, 0) - columns[0]
                corners = fill[np.ix_(rows, columns)]
                out[r, c] = np.array([1 - fy, fy]) @ corners @ np.array([1 - fx, fx])
        fill = np.where(own > 0, own, out)
    return fill


@pytest.fixture
def sparse():
    generator = torch.Generator().manual_seed(0)
    depth = torch.rand(3, 1, 32, 32, generator=generator, dtype=torch.float64) * 5 + 1
    depth[torch.rand(3, 1, 32, 32, generator=generator) > 0.1] = 0
    depth[1, :, :, :20] = 0
    return depth


def test_pull_push_is_that_of_a_loop(sparse):
    fill, levels = ops.pyramid_fill(sparse)
    for own, depth in zip(fill, sparse, strict=True):
        np.testing.assert_allclose(own[0].numpy(), loop_fill(depth[0].numpy()), rtol=1e-9)
    assert torch.equal(fill[sparse > 0], sparse[sparse > 0]) and not levels[sparse > 0].any()
    assert (levels[sparse == 0] > 0.2).all()
    assert levels[1, 0, 16, 2] > levels[1, 0, 16, 19]  # farther from what is measured


@pytest.mark.parametrize('size', [(1, 1), (7, 5), (30, 61)])
def test_fill_of_any_size(size):
    depth = torch.full((2, 1, *size), 2.5)
    depth[:, :, ::2] = 0
    depth[:, :, 0, 0] = 2.5
    assert torch.allclose(ops.pyramid_fill(depth)[0], torch.tensor(2.5))
    assert not ops.pyramid_fill(torch.zeros(1, 1, *size))[0].any()


def test_scaled_depth_gives_a_scaled_fill(sparse):
    torch.testing.assert_close(ops.pyramid_fill(3 * sparse)[0], 3 * ops.pyramid_fill(sparse)[0], rtol=1e-12, atol=0)


def test_cells_name_a_measured_pixel_near_their_centre(sparse):
    for level, index in enumerate(ops.measured_in_cells(sparse, 4), 1):
        size = 2**level
        assert index.shape == (3, 1, 32 // size, 32 // size)
        for image, row, column in np.ndindex(3, 32 // size, 32 // size):
            top, left = row * size, column * size
            cell = sparse[image, 0, top : top + size, left : left + size]
            found = index[image, 0, row, column].item()
            if found < 0:
                assert not cell.any()
                continue
            y, x = found // 32 - top, found % 32 - left
            assert cell[y, x] > 0
            rows, columns = (cell > 0).nonzero(as_tuple=True)
            away = (rows - (size - 1) / 2) ** 2 + (columns - (size - 1) / 2) ** 2
            own = (y - (size - 1) / 2) ** 2 + (x - (size - 1) / 2) ** 2
            # of those of the four cells below, which are near their own centres: exact for the smallest cells
            assert own == away.min() if level == 1 else own <= away.min() + size**2 / 4


def test_the_four_cells_around_each_pixel():
    cells = torch.rand(1, 2, 3, 4) + 1
    found = torch.stack(list(ops.nearest_cells(cells, 4)))
    for row, column in np.ndindex(12, 16):
        top, left = (row + 2) // 4 - 1, (column + 2) // 4 - 1
        for n, (r, c) in enumerate(((top, left), (top, left + 1), (top + 1, left), (top + 1, left + 1))):
            inside = 0 <= r < 3 and 0 <= c < 4
            expected = cells[0, :, r, c] if inside else torch.zeros(2)
            assert torch.equal(found[n, 0, :, row, column], expected)
