"""Counter-based randomness: well distributed, independent, equal to the textbook."""

import numpy as np
import torch

from mmvd.ops import choose, fold, normal, uniform


def test_is_the_splitmix_finaliser():
    """Against SplitMix64 in Python integers."""
    golden, mask = 0x9E3779B97F4A7C15, 2**64 - 1
    for key in (0, 1, 12345678901234567):
        for word in (0, 7, 2**40):
            x = ((key ^ golden) + (word + 1) * golden) & mask
            x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & mask
            x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & mask
            x ^= x >> 31
            assert int(fold(torch.tensor(key), word)) & mask == x


def test_uniform_and_normal_have_their_moments():
    u = uniform(torch.arange(20000), 3)
    assert u.min() >= 0 and u.max() < 1 and abs(u.mean() - 0.5) < 0.01 and abs(u.var() - 1 / 12) < 0.002
    n = normal(torch.arange(20000), 4)
    assert abs(n.mean()) < 0.03 and abs(n.std() - 1) < 0.03


def test_streams_and_keys_are_independent():
    draws = torch.stack(
        [uniform(torch.arange(20000), stream) for stream in range(4)] + [uniform(torch.arange(1, 20001), 0)]
    )
    off = np.corrcoef(draws.numpy()) - np.eye(5)
    assert np.abs(off).max() < 0.03


def test_choose_stays_below_its_count():
    counts = torch.tensor([1, 2, 7]).repeat(1000)
    picks = choose(torch.arange(3000), 0, counts)
    assert (picks >= 0).all() and (picks < counts).all()
    assert set(picks[counts == 7].tolist()) == set(range(7))


def test_a_single_draw_is_the_first_of_several():
    keys = torch.arange(5)
    assert torch.equal(uniform(keys, 3), uniform(keys, 3, 4)[:, 0])
