"""Epochs of a fixed number of samples: passes over the data run on across them, and the loop goes on within them."""

from types import SimpleNamespace

import pytest
import torch
from mmengine.logging import MessageHub

from mmvd.engine import EpochSampler, ResumableEpochLoop
from mmvd.engine.loops import resumable_epoch_loop
from mmvd.engine.loops.resumable_epoch_loop import MID_EPOCH, VALIDATED
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


def test_an_epoch_that_ranks_cannot_share_evenly_begins_where_that_of_one_process_does():
    whole, parts = epochs(30, 10, 4), [epochs(30, 10, 4, rank, 8) for rank in range(8)]
    for epoch, *shares in zip(whole, *parts, strict=True):
        together = [index for row in zip(*shares, strict=True) for index in row]
        assert together[:10] == epoch and len(together) == 16


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


class Batches(list):
    """Three batches of an epoch, as the loader of a resumed run gives the rest of them."""

    def __init__(self):
        super().__init__('abc')
        self.sampler, self.batch_sampler, self.skipped = SimpleNamespace(skip_batches=self.skip), SimpleNamespace(), 0
        self.batch_sampler.batch_size = 4

    def skip(self, batches, batch_size):
        assert batch_size == 4
        self.skipped = batches

    def __iter__(self):
        skipped, self.skipped = self.skipped, 0
        return iter(self[skipped:])


class Loop(ResumableEpochLoop):
    """The loop around a model that draws; what it did, in order."""

    def __init__(self, epochs=2, begin=1, interval=1, epoch=0, iters=0, stop_at=None, **saved):
        hub, self.done, self.drawn, self.told = MessageHub('loop'), [], [], []
        hub.runtime_info.update(saved)
        runner = SimpleNamespace(message_hub=hub, cfg={}, seed=3, model=torch.nn.ReLU(), optim_wrapper=None)
        runner.val_loop = SimpleNamespace(run=self.validate)
        runner.call_hook = lambda name: self.done.append('end') if name == 'after_train_epoch' else None
        runner.logger = SimpleNamespace(warning=self.told.append, info=lambda text: None)
        vars(self).update(_runner=runner, dataloader=Batches(), _epoch=epoch, _iter=iters, _max_epochs=epochs)
        vars(self).update(val_begin=begin, dynamic_milestones=[0], dynamic_intervals=[interval], stop_training=False)
        self.stop_at = stop_at

    def validate(self):
        assert self.runner.message_hub.get_info(MID_EPOCH) is None
        self.runner.model.eval()
        self.done.append(f'val {self._epoch}')

    def run_iter(self, index, batch):
        assert self.runner.model.training and batch == 'abc'[index]
        assert self.runner.message_hub.get_info(MID_EPOCH) == [index + 1, 3]
        self.done.append(index)
        self.drawn.append(float(torch.rand(())))
        self._iter += 1
        self.stop_training |= self._iter == self.stop_at


def test_a_loop_goes_on_where_it_was(monkeypatch):
    whole = Loop()
    whole.run()
    assert whole.done == [0, 1, 2, 'end', 'val 1', 0, 1, 2, 'end', 'val 2'] and len(set(whole.drawn)) == 6
    saved = {MID_EPOCH: [1, 3], VALIDATED: 0}  # where no best is kept, no validation is noted
    rest = Loop(epoch=1, iters=4, **saved)
    rest.run()
    assert rest.done == whole.done[6:] and rest.drawn == whole.drawn[4:] and not rest.told
    assert rest.dataloader.sampler.seed == 3
    anew = Loop(**saved)  # after a run of the same experiment_name that was interrupted
    anew.run()
    assert (anew.done, anew.drawn) == (whole.done, whole.drawn) and not anew.told
    monkeypatch.setattr(resumable_epoch_loop, 'get_rank', lambda: 1)
    other = Loop()
    other.run()
    assert not set(other.drawn) & set(whole.drawn)
    other = Loop(epoch=1, iters=4)
    other.run()
    assert len(other.told) == 1 and '4 steps were taken in 1 epochs, now an epoch has 3' in other.told[0]


def test_validations_of_a_loop():
    for changes, validated in (
        (dict(epochs=5, begin=2, interval=2), [2, 4, 5]),
        (dict(epochs=3, begin=2), [2, 3]),
        (dict(epochs=3, stop_at=4), [1, 2]),
        (dict(epoch=1, iters=3), [1, 2]),  # a checkpoint is older than the validation of its epoch
        (dict(epoch=1, iters=3, **{VALIDATED: 0}), [1, 2]),
        (dict(epoch=1, iters=3, **{VALIDATED: 1}), [2]),  # that of a best one is not
    ):
        loop = Loop(**changes)
        loop.run()
        assert [each for each in loop.done if 'val' in str(each)] == [f'val {epoch}' for epoch in validated]
