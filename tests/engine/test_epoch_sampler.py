"""Epochs of a fixed number of samples: passes over the data run on across them."""

import pytest

from mmvd.engine import EpochSampler
from mmvd.errors import ConfigError


def epochs(length: int, samples: int, count: int, rank: int = 0, world: int = 1, shuffle: bool = True) -> list[list]:
    sampler = EpochSampler(range(length), shuffle=shuffle, seed=3, samples_per_epoch=samples)
    sampler.rank, sampler.world_size = rank, world
    sampler.num_samples = -(-samples // world)
    sampler.total_size = sampler.num_samples * world
    out = []
    for epoch in range(count):
        sampler.set_epoch(epoch)
        out.append(list(sampler))
        assert len(out[-1]) == len(sampler)
    return out


@pytest.mark.parametrize('length, samples', [(7, 3), (5, 12), (4, 4)])
def test_every_pass_sees_every_sample_once(length, samples):
    indices = [index for epoch in epochs(length, samples, 10) for index in epoch]
    for start in range(0, len(indices) - length + 1, length):
        one_pass = indices[start : start + length]
        assert sorted(map(int, one_pass)) == list(range(length)) and {index.epoch for index in one_pass} == {
            start // length
        }
    assert len({index.key for index in indices}) == len(indices)  # a sample that comes again is augmented anew


@pytest.mark.parametrize('ranks', [2, 8])
def test_ranks_share_an_epoch(ranks):
    """The samples of an epoch are those of one process, each rank reads its own."""
    whole = epochs(17, 16, 3)
    parts = [epochs(17, 16, 3, rank, ranks) for rank in range(ranks)]
    for epoch, *shares in zip(whole, *parts, strict=True):
        assert all(epoch[rank::ranks] == share for rank, share in enumerate(shares))


@pytest.mark.parametrize('samples', [6, None])
def test_skipping_after_an_interruption(samples):
    sampler = EpochSampler(range(7), seed=3, samples_per_epoch=samples)
    whole = list(sampler)
    sampler.skip_batches(2, 2)
    assert list(sampler) == whole[4:] and list(sampler) == whole


def test_order_of_passes():
    assert [int(index) for index in epochs(4, 8, 1, shuffle=False)[0]] == [*range(4)] * 2
    first, second = ([int(index) for index in epoch] for epoch in epochs(20, 20, 2))
    assert first != second and first != sorted(first)


def test_lengths(monkeypatch):
    monkeypatch.setattr('mmengine.dataset.sampler.get_dist_info', lambda: (1, 2))
    sampler = EpochSampler(range(7), samples_per_epoch=5)
    assert len(sampler) == len(list(sampler)) == 3  # every rank has as many
    with pytest.raises(ConfigError, match='the dataset has no samples'):
        EpochSampler([])
