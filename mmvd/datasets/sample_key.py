"""Randomness of the host side: every draw of a sample comes from (seed, epoch, index), which travels with its index."""
import zlib

import numpy as np

from mmvd.errors import ConfigError


def sample_key(seed: int, epoch: int, index: int, redraw: int = 0) -> int:
    """Hash (seed, epoch, sample index, attempt) into a non-negative 63-bit integer."""
    return int(np.random.SeedSequence([seed, epoch, index, redraw]).generate_state(1, np.uint64)[0] >> np.uint64(1))


class KeyedIndex(int):
    """An index that carries where its randomness comes from: OpenMMLab's datasets hand it on as ``results['sample_idx']``.

    Args:
        index: Position in the dataset.
        seed: Seed of the run.
        epoch: Epoch, from 0.
        key: Key of the sample; derived from the other three if None.
    """

    def __new__(cls, index: int, seed: int, epoch: int, key: int | None = None):  # noqa: D102
        self = super().__new__(cls, index)
        self.seed, self.epoch = seed, epoch
        self.key = sample_key(seed, epoch, index) if key is None else key
        return self

    def __reduce__(self):
        return KeyedIndex, (int(self), self.seed, self.epoch, self.key)


def get_sample_key(results: dict) -> int:
    """Key of the sample that is passing through a pipeline.

    Raises:
        ConfigError: If the sampler handed out bare indices; random transforms would then repeat themselves every epoch.
    """
    key = results.get('sample_key', getattr(results.get('sample_idx'), 'key', None))
    if key is None:
        raise ConfigError("the sample carries no random key, so its augmentation would be the same in every epoch: set "
                          "sampler=dict(type='mmvd.EpochSampler', shuffle=True) in the dataloader")
    return key


def generator_of(results: dict, stream: str) -> np.random.Generator:
    """Counter-based generator of one transform for one sample; ``stream`` keeps the transforms of a pipeline apart."""
    return np.random.Generator(np.random.Philox(key=[get_sample_key(results), zlib.crc32(stream.encode())]))
