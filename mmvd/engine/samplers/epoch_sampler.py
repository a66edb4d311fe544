"""mmengine's default sampler, whose indices know their epoch."""

from collections.abc import Iterator, Sized
from itertools import islice

import torch
from mmengine.dataset import DefaultSampler

from mmvd.arguments import check_flag, check_int
from mmvd.datasets.sample_key import KeyedIndex
from mmvd.errors import ConfigError
from mmvd.registry import DATA_SAMPLERS


@DATA_SAMPLERS.register_module()
class EpochSampler(DefaultSampler):
    """Yields :class:`KeyedIndex`: random transforms draw from (seed, epoch, index), whatever the worker, batch or rank.

    Args:
        dataset: The dataset.
        shuffle: Whether the order changes every epoch.
        seed: Seed of order and draws; the runner's unless given.
        round_up: Whether indices are repeated until every rank has as many.
        samples_per_epoch: Length of an epoch where recipes count steps; passes over the dataset then run on across
            epochs, and the epoch that random draws depend on is the pass. None: an epoch is a pass. What several ranks
            cannot share evenly is filled up with what the next epoch begins with.
    """

    def __init__(
        self,
        dataset: Sized,
        shuffle: bool = True,
        seed: int | None = None,
        round_up: bool = True,
        samples_per_epoch: int | None = None,
    ):
        check_flag('EpochSampler', 'shuffle', shuffle)
        check_flag('EpochSampler', 'round_up', round_up)
        if seed is not None:
            check_int('EpochSampler', 'seed', seed, 0)
        if samples_per_epoch is not None:
            check_int('EpochSampler', 'samples_per_epoch', samples_per_epoch)
        if not len(dataset):
            raise ConfigError('EpochSampler: the dataset has no samples')
        super().__init__(dataset, shuffle, seed, round_up)
        self._skipped, self.samples_per_epoch = 0, samples_per_epoch
        if samples_per_epoch is not None:
            self.num_samples = -(-samples_per_epoch // self.world_size)
            self.total_size = self.num_samples * self.world_size

    def skip_batches(self, batches: int, batch_size: int) -> None:
        """Leave out the first batches of the next pass, which a resumed run has seen."""
        self._skipped = batches * batch_size

    def __iter__(self) -> Iterator[KeyedIndex]:
        skipped, self._skipped = self._skipped, 0
        if self.samples_per_epoch is not None:
            yield from islice(self._window(), skipped, None)
            return
        for index in islice(super().__iter__(), skipped, None):
            yield KeyedIndex(index, self.seed, self.epoch)

    def _window(self) -> Iterator[KeyedIndex]:
        """This rank's share of the epoch's window into an endless row of passes."""
        length, order, current = len(self.dataset), [], None
        first = self.epoch * self.samples_per_epoch  # whatever the number of ranks, of which each has as many
        for position in range(first + self.rank, first + self.total_size, self.world_size):
            number, offset = divmod(position, length)
            if number != current:
                generator = torch.Generator().manual_seed(self.seed + number)
                order = torch.randperm(length, generator=generator).tolist() if self.shuffle else range(length)
                current = number
            yield KeyedIndex(order[offset], self.seed, number)
