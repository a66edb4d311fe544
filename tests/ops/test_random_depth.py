"""Random depth: bounds, cases, independence of samples."""

import itertools

import pytest
import torch

from mmvd.ops import clean_depth, random_depth, range_factor

B = 4000


@pytest.fixture(scope='module')
def drawn():
    depth = torch.rand(B, 1, 6, 6, generator=torch.Generator().manual_seed(0)) * 4 + 0.5
    depth[:, :, 0, 0] = 0
    return depth, random_depth(depth, torch.arange(B))


def test_missing_stays_missing_and_range_holds(drawn):
    _, out = drawn
    assert (out[:, :, 0, 0] == 0).all() and out.max() <= 15 and out[out > 0].min() >= 0.05 * (1 - 1e-5)


def test_every_case_is_affine_and_drawn_evenly(drawn):
    depth, out = drawn
    x, y = depth.flatten(1)[:, 1:].double(), out.flatten(1)[:, 1:].double()
    full = (y > 0).all(1)
    x, y = x[full], y[full]
    slope = ((x - x.mean(1, True)) * (y - y.mean(1, True))).sum(1) / ((x - x.mean(1, True)) ** 2).sum(1)
    shift = y.mean(1) - slope * x.mean(1)
    assert (slope[:, None] * x + shift[:, None] - y).abs().max() < 1e-3
    same = (slope - 1).abs() < 1e-5
    unmoved, offset = same & (shift.abs() < 1e-4), same & (shift.abs() >= 1e-4)
    scaled = ~same & (shift.abs() < 1e-4)
    shares = torch.stack([m.double().mean() for m in (unmoved, offset, scaled)])
    assert (shares - 0.25).abs().max() < 0.03
    assert slope[scaled].min() < 0.85 and slope[scaled].max() > 1.15  # two-sided
    assert slope[scaled].min() > 0.799 and slope[scaled].max() < 1.201
    assert shift[offset].min() < -0.3 and shift[offset].max() > 0.3


def test_far_maps_are_rescaled_into_range():
    depth = torch.rand(2000, 1, 4, 4) * 60 + 20
    out = random_depth(depth, torch.arange(2000))
    assert (out > 0).flatten(1).any(1).all()  # offsets are those of the map as it was rescaled
    unmoved = (out.flatten(1).amax(1) / depth.flatten(1).amax(1)).unique().numel()
    assert out.max() <= 15 and (out > 0).flatten(1).float().mean() > 0.8 and unmoved > 1000


def test_far_maps_that_are_kept_lose_no_pixel():
    depth = torch.rand(2000, 1, 4, 4) * 60 + 20
    out = random_depth(depth, torch.arange(2000), scale_jitter=0.0).flatten(1)
    factors = out / depth.flatten(1)
    farthest = out[factors.amax(1) - factors.amin(1) < 1e-5].amax(1)
    assert len(farthest) == pytest.approx(1000, abs=100)  # the two cases that neither move nor stretch
    assert 13.5 <= farthest.min() < 13.6 and 14.9 < farthest.max() <= 15


def test_500_m_reaches_far_bins():
    out = random_depth(torch.rand(2000, 1, 4, 4) * 4 + 0.5, torch.arange(2000), max_depth=500.0)
    assert out.max() > 200


def test_sample_depends_on_its_key_alone(drawn):
    depth, out = drawn
    assert torch.equal(out[17:18], random_depth(depth[17:18], torch.tensor([17])))


@pytest.mark.parametrize('bad', [0.0, float('nan'), float('inf'), -3.0])
def test_all_missing_maps_stay_empty(bad):
    out = random_depth(torch.full((200, 1, 3, 3), bad), torch.arange(200))
    assert (out == 0).all()


def test_constant_maps_stay_finite():
    assert torch.isfinite(random_depth(torch.full((200, 1, 3, 3), 2.0), torch.arange(200))).all()


def test_clean_depth_and_range_factor():
    dirty = torch.tensor([1.0, -1.0, float('nan'), float('inf'), 0.0])
    assert clean_depth(dirty).tolist() == [1, 0, 0, 0, 0]
    assert clean_depth(dirty.half()).dtype == torch.float32 and clean_depth(dirty.double()).dtype == torch.float64
    depth = torch.tensor([30.0, 14.25, 0.0]).view(3, 1, 1, 1)
    torch.testing.assert_close(range_factor(depth, 15.0), torch.tensor([14.25 / 30, 1.0, 1.0]))


@pytest.mark.parametrize('max_depth', [15.0, 500.0])
def test_bins_are_those_of_the_code(max_depth):
    groups = [[0.055 + 0.1 * k for k in range(10)], [0.5 + 0.2 * k for k in range(9)], [0.5 * k for k in range(1, 11)]]
    groups += [range(1, 15)] if max_depth == 15 else [range(1, 16), range(50, 371, 10)]
    depth = torch.tensor([1.0, 2.0]).expand(200_000, 1, 1, 2)
    out = random_depth(depth, torch.arange(200_000), max_depth, bin_jitter=0.0, scale_jitter=0.0).flatten(1)
    known = {(round(a, 3), round(b, 3)) for group in groups for a, b in itertools.combinations(group, 2)}
    assert {(round(a, 3), round(b, 3)) for a, b in out.tolist() if abs(b - a - 1) > 1e-3} == {
        (a, b) for a, b in known if abs(b - a - 1) > 1e-3
    }


def test_bins_are_jittered_to_both_sides():
    depth = torch.rand(B, 1, 6, 6, generator=torch.Generator().manual_seed(0)) * 4 + 0.5
    (exact, far) = (
        random_depth(depth, torch.arange(B), bin_jitter=jitter, scale_jitter=0.0).flatten(1) for jitter in (0.0, 0.1)
    )
    slope = (exact.amax(1) - exact.amin(1)) / (depth.flatten(1).amax(1) - depth.flatten(1).amin(1))
    ratio = (far.amax(1) / exact.amax(1))[((slope - 1).abs() > 1e-3) & (exact.amax(1) < 13)]
    assert ratio.min() < 0.92 and 1.08 < ratio.max() < 1.5 and abs(ratio.median() - 1) < 0.02


def test_offsets_reach_one_deviation_to_both_sides():
    depth = torch.rand(B, 1, 6, 6, generator=torch.Generator().manual_seed(0)) * 4 + 3
    moved = (random_depth(depth, torch.arange(B), 50.0, scale_jitter=0.0) - depth).flatten(1)
    is_offset = (moved.amax(1) - moved.amin(1) < 1e-4) & (moved.mean(1).abs() > 1e-4)
    share = (moved.mean(1) / depth.flatten(1).std(1, unbiased=False))[is_offset]
    assert -1 <= share.min() < -0.95 and 0.95 < share.max() <= 1 and abs(share.mean()) < 0.06
