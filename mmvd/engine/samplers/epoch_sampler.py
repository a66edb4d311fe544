"""mmengine's default sampler, whose indices know their epoch."""
from collections.abc import Iterator
from itertools import islice

from mmengine.dataset import DefaultSampler

from mmvd.datasets.sample_key import KeyedIndex
from mmvd.registry import DATA_SAMPLERS


@DATA_SAMPLERS.register_module()
class EpochSampler(DefaultSampler):
    """Yields :class:`KeyedIndex`: random transforms draw from (seed, epoch, index), whatever the worker, batch or rank.

    Args:
        dataset: The dataset.
        shuffle: Whether the order changes every epoch.
        seed: Seed of order and draws; the runner's unless given.
        round_up: Whether indices are repeated until every rank has as many.
    """

    _skipped = 0

    def skip_batches(self, batches: int, batch_size: int) -> None:
        """Leave out the first batches of the next pass, which a resumed run has seen."""
        self._skipped = batches * batch_size

    def __iter__(self) -> Iterator[KeyedIndex]:
        skipped, self._skipped = self._skipped, 0
        for index in islice(super().__iter__(), skipped, None):
            yield KeyedIndex(index, self.seed, self.epoch)
