"""mmengine's default sampler, whose indices know their epoch."""
from collections.abc import Iterator

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

    def __iter__(self) -> Iterator[KeyedIndex]:
        for index in super().__iter__():
            yield KeyedIndex(index, self.seed, self.epoch)
