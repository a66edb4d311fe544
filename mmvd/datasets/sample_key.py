"""Where the host side's randomness comes from.

(seed, epoch, index) with our sampler, the host's own seeding with another.
"""

import multiprocessing
import zlib

import numpy as np
import torch
from mmengine.dist import get_rank
from mmengine.logging import MMLogger
from torch.utils.data import get_worker_info

_TOLD = multiprocessing.Value('b', False)  # shared with the workers that are forked from this process
_WORKER: dict[int, torch.Generator] = {}  # of this worker process, by the seed that its loader gave it


def sample_key(seed: int, epoch: int, index: int, redraw: int = 0) -> int:
    """Hash (seed, epoch, sample index, attempt) into a non-negative 63-bit integer."""
    return int(np.random.SeedSequence([seed, epoch, index, redraw]).generate_state(1, np.uint64)[0] >> np.uint64(1))


class KeyedIndex(int):
    """An index that carries where its randomness comes from.

    OpenMMLab's datasets hand it on as ``results['sample_idx']``.

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


def known_sample_key(results: dict) -> int | None:
    """Key of the sample that is passing through a pipeline, if it has one already; asks for none."""
    return results.get('sample_key', getattr(results.get('sample_idx'), 'key', None))


def get_sample_key(results: dict) -> int:
    """Key of the sample that is passing through a pipeline.

    Without ``mmvd.EpochSampler`` drawn from the host's seeding and kept.
    """
    key = known_sample_key(results)
    if key is None:
        key = results['sample_key'] = host_key()
    return key


def host_key() -> int:
    """A key from the host's own seeding, different at each call.

    Of the loader's worker, or of torch's generator in the main process.

    The seed of a worker is drawn anew for each pass, alike on all ranks; mmengine's own ``worker_init_fn`` seeds numpy
    and torch alike in every epoch, differently on each rank.
    """
    _tell_once()
    info = get_worker_info()
    generator = None if info is None else _WORKER.get(info.seed)
    if info is not None and generator is None:
        seed = sample_key(info.seed, torch.initial_seed(), 0)  # new in each pass, and another on each rank
        generator = _WORKER[info.seed] = torch.Generator().manual_seed(seed)
    key = int(torch.randint(2**63 - 1, (), generator=generator))
    return sample_key(key, get_rank(), 0) if get_rank() else key  # mmengine seeds the main processes alike


def _tell_once() -> None:
    with _TOLD.get_lock():
        told, _TOLD.value = _TOLD.value, True
    if not told:
        MMLogger.get_current_instance().info(
            "mmvd: the sampler is the host's, or RepeatDataset or ConcatDataset of mmengine drops what ours says, so "
            'random depth, density and augmentation draw from the seeding of the host: different in every epoch, but '
            "not the same for another number of workers or after a resume; sampler=dict(type='mmvd.EpochSampler', "
            'shuffle=True) promises both, with its samples_per_epoch instead of repeats and mmvd.KeyedConcat for '
            'several datasets'
        )


def keyed(index: int) -> KeyedIndex:
    """An index that carries its randomness: as our sampler made it, or with a key from the host's seeding."""
    return index if isinstance(index, KeyedIndex) else KeyedIndex(index, host_key(), 0)


def generator_of(results: dict, stream: str) -> np.random.Generator:
    """Counter-based generator of one transform for one sample.

    ``stream`` keeps the transforms of a pipeline apart, and how often it was asked for those of one class, which is
    kept in ``results``.
    """
    counts = results.get('draws', {})
    results['draws'] = {**counts, stream: counts.get(stream, 0) + 1}  # copies of a sample share no counts
    word = zlib.crc32(stream.encode()) + (counts.get(stream, 0) << 32)
    return np.random.Generator(np.random.Philox(key=[get_sample_key(results), word]))
