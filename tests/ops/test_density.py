"""Density masks: exact share, own seed only; noise fields against plain loops."""

import math

import numpy as np
import pytest
import torch

from mmvd.ops import coarse_noise, density_mask, draw_density, perlin_noise, random_density_mask

PATTERNS = ('perlin', 'coarse', 'pixel')


@pytest.mark.parametrize('pattern', PATTERNS)
@pytest.mark.parametrize('shape', [(48, 64), (37, 53)])
def test_share_is_exact(pattern, shape):
    fractions = torch.arange(1, 100) / 100
    seeds = torch.arange(99)
    mask = density_mask((99, *shape), fractions, pattern, seeds)
    assert mask.dtype == torch.bool
    assert ((mask.flatten(1).sum(1) - fractions * shape[0] * shape[1]).abs() <= 1).all()
    valid = torch.rand(99, *shape, generator=torch.Generator().manual_seed(1)) < 0.6
    mask = density_mask((99, *shape), fractions, pattern, seeds, valid)
    assert not (mask & ~valid).any()
    assert ((mask.flatten(1).sum(1) - fractions * valid.flatten(1).sum(1)).abs() <= 1).all()


@pytest.mark.parametrize('pattern', PATTERNS)
def test_depends_on_its_own_seed_alone(pattern):
    seeds = torch.tensor([5, 9, 5, 2**62])
    torch.manual_seed(1)
    together = density_mask((4, 32, 40), 0.5, pattern, seeds)
    torch.manual_seed(2)
    for b, seed in enumerate(seeds):
        assert torch.equal(together[b], density_mask((1, 32, 40), 0.5, pattern, seed[None])[0])
    assert torch.equal(together[0], together[2]) and not torch.equal(together[0], together[1])


@pytest.mark.parametrize('fraction, expected', [(0.0, 0), (1.0, 12)])
def test_ends_of_the_range(fraction, expected):
    assert density_mask((1, 3, 4), fraction, 'perlin', torch.zeros(1, dtype=torch.int64)).sum() == expected


def test_all_missing_depth_removes_nothing():
    valid = torch.zeros(2, 8, 8, dtype=torch.bool)
    assert not density_mask((2, 8, 8), 0.7, 'coarse', torch.arange(2), valid).any()


def test_refuses_nonsense():
    seeds = torch.arange(1)
    with pytest.raises(ValueError, match='pattern'):
        density_mask((1, 4, 4), 0.5, 'stripes', seeds)
    for fraction in (1.5, -0.1, math.nan):
        with pytest.raises(ValueError, match='removed_fraction'):
            density_mask((1, 4, 4), fraction, 'pixel', seeds)
    with pytest.raises(ValueError, match='valid'):
        density_mask((1, 4, 4), 0.5, 'pixel', seeds, torch.ones(1, 4, 5, dtype=torch.bool))
    with pytest.raises(ValueError, match='seeds'):
        density_mask((2, 4, 4), 0.5, 'pixel', seeds)


def test_perlin_equals_the_textbook():
    """Rebuild the field with loops in float64 from the gradients that its values near the lattice reveal."""
    height, width, cells = 24, 36, (3, 4)
    noise = perlin_noise((1, height, width), torch.tensor([7]), torch.tensor([cells]))[0].double().numpy() / math.sqrt(
        2
    )
    rows, columns = height // cells[0], width // cells[1]
    assert np.abs(noise[::rows, ::columns]).max() < 1e-6  # gradient noise vanishes at lattice points
    gradients = _recover_gradients(noise, cells)
    fade = lambda t: 6 * t**5 - 15 * t**4 + 10 * t**3  # noqa: E731
    for y in range(height - rows):
        for x in range(width - columns):
            cy, cx, fy, fx = y // rows, x // columns, y % rows / rows, x % columns / columns
            corner = [[np.dot(gradients[cy + j, cx + i], (fy - j, fx - i)) for i in (0, 1)] for j in (0, 1)]
            top, bottom = (row[0] + fade(fx) * (row[1] - row[0]) for row in corner)
            assert abs(top + fade(fy) * (bottom - top) - noise[y, x]) < 2e-5


def _recover_gradients(noise, cells):
    """On the lattice lines the field is a blend of two ramps: solve it for the unit gradients' components."""
    height, width = noise.shape
    rows, columns = height // cells[0], width // cells[1]
    fade = lambda t: 6 * t**5 - 15 * t**4 + 10 * t**3  # noqa: E731

    def along(line, count, step):
        unknown, system, values = count, [], []
        for position, value in enumerate(line[: (count - 1) * step]):
            cell, t = position // step, position % step / step
            row = np.zeros(unknown)
            row[cell], row[cell + 1] = (1 - fade(t)) * t, fade(t) * (t - 1)
            system.append(row)
            values.append(value)
        return np.linalg.lstsq(np.array(system), np.array(values), rcond=None)[0]

    gy = np.stack([along(noise[:, c * columns], cells[0], rows) for c in range(cells[1])], 1)
    gx = np.stack([along(noise[r * rows, :], cells[1], columns) for r in range(cells[0])], 0)
    assert np.allclose(np.hypot(gy, gx), 1, atol=1e-4)  # unit gradients
    return np.stack((gy, gx), -1)


def test_coarse_noise_has_cells_of_the_asked_size():
    noise = coarse_noise((64, 60, 80), torch.arange(64))
    heights = (noise[:, 1:, 0] != noise[:, :-1, 0]).sum(1) + 1
    widths = (noise[:, 0, 1:] != noise[:, 0, :-1]).sum(1) + 1
    assert heights.min() >= 9 and heights.max() <= 45 and widths.max() <= 60 and heights.unique().numel() > 10


def test_random_density_mask_uses_every_pattern_and_its_key_alone():
    keys, valid = torch.arange(200), torch.ones(200, 32, 32, dtype=torch.bool)
    fraction = draw_density(keys, 0.5, 0.3)
    assert fraction.min() >= 0.01 and fraction.max() <= 0.99 and abs(fraction.mean() - 0.5) < 0.05
    mask = random_density_mask(valid, fraction, keys)
    assert torch.equal(mask[50:51], random_density_mask(valid[50:51], fraction[50:51], keys[50:51]))
    edges = (mask[:, 1:] != mask[:, :-1]).flatten(1).float().mean(1) / (2 * fraction * (1 - fraction))
    assert (edges > 0.8).sum() > 30 and (edges < 0.35).sum() > 30  # pixel noise has many edges, Perlin noise few


def test_shares_have_the_asked_mean_and_deviation():
    drawn = draw_density(torch.arange(20000), 0.5, 0.1)
    assert abs(drawn.mean() - 0.5) < 0.005 and abs(drawn.std() - 0.1) < 0.005


def test_perlin_gradients_point_everywhere():
    noise = perlin_noise((200, 64, 64), torch.arange(200), torch.full((200, 2), 4))
    down, right = noise[:, 17, 16] - noise[:, 16, 16], noise[:, 16, 17] - noise[:, 16, 16]
    assert (torch.histc(torch.atan2(down, right), 4, -math.pi, math.pi) > 30).all()
