"""Epochs of a fixed number of samples: passes over the data run on across them."""

import pytest

from mmvd.engine import EpochSampler


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


def test_skipping_after_an_interruption():
    sampler = EpochSampler(range(7), seed=3, samples_per_epoch=6)
    whole = list(sampler)
    sampler.skip_batches(2, 2)
    assert list(sampler) == whole[4:] and list(sampler) == whole
