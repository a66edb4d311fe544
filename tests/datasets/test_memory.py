"""Long runs: a worker's memory stays flat, and the list of a large dataset is not copied into every worker."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from mmengine.dataset import pseudo_collate
from torch.utils.data import DataLoader, Dataset

from mmvd.datasets.sample_key import KeyedIndex
from mmvd.engine import EpochSampler
from mmvd.registry import DATASETS
from tests.conftest import ROOT

pytestmark = pytest.mark.skipif(
    not Path('/proc/self/smaps_rollup').exists(), reason='the memory of a process is read from Linux'
)
MIB = 2**20


def private_bytes() -> int:
    """Memory of this process that it shares with no other."""
    lines = Path('/proc/self/smaps_rollup').read_text().splitlines()
    return sum(1024 * int(line.split()[1]) for line in lines if line.startswith(('Private_Clean', 'Private_Dirty')))


class Watched(Dataset):
    """Calls a function in the worker; its samples are the memory of the worker after that."""

    def __init__(self, length: int, read):
        self.length, self.read = length, read

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        self.read(index)
        return dict(bytes=private_bytes())


def memory_per_epoch(length: int, read, epochs: int = 1) -> list[int]:
    """Memory of one persistent worker at the end of each epoch."""
    data = Watched(length, read)
    loader = DataLoader(
        data,
        batch_size=4,
        sampler=EpochSampler(data, seed=0),
        num_workers=1,
        persistent_workers=True,
        collate_fn=pseudo_collate,
    )
    found = []
    for epoch in range(epochs):
        loader.sampler.set_epoch(epoch)
        found.append(max(value for batch in loader for value in batch['bytes']))
    return found


def memory_with_rooms(epochs: int) -> list[int]:
    """Rooms rendered, transformed and packed anew in every epoch."""
    rooms = DATASETS.build(
        dict(
            type='mmvd.SyntheticRooms',
            length=4,
            size=(112, 112),
            pipeline=[
                dict(type='mmvd.RGBDRandomRotate'),
                dict(type='mmvd.RGBDRandomResizedCrop', size=112),
                dict(type='mmvd.RGBDRandomFlip'),
                dict(type='mmvd.RandomColorJitter'),
                dict(type='mmvd.PackRGBDInputs'),
            ],
        )
    )
    return memory_per_epoch(4, rooms.__getitem__, epochs)


def test_memory_of_a_worker_stays_flat():
    """In a clean process: pages that a forked worker shares become its own whenever it counts a reference."""
    code = 'import mmvd; from tests.datasets.test_memory import memory_with_rooms; print(*memory_with_rooms(36))'
    done = subprocess.run([sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True)
    found = [int(value) / MIB for value in done.stdout.split()]
    assert len(found) == 36, done.stderr[-2000:]
    # samples that stayed would be 8 MiB; 2 MiB of noise seen
    assert np.mean(found[-8:]) - np.mean(found[4:12]) < 4, found


def test_the_list_of_a_large_dataset_is_shared_with_the_workers(tmp_path):
    count, shares = 60000, 8
    lines = (f'scene_{i // 100:06d}/image_{i:08d}.jpg scene_{i // 100:06d}/depth_{i:08d}.png\n' for i in range(count))
    (tmp_path / 'list.txt').write_text(''.join(lines))
    data = DATASETS.build(
        dict(type='mmvd.RGBDDataset', data_root=str(tmp_path), decoder='mm16', ann_file='list.txt', pipeline=[])
    )
    size = data.data_bytes.nbytes
    assert size > 12 * MIB and len(data) == count

    def read_a_share(index):
        for entry in range(int(index), count, shares):
            data.get_data_info(KeyedIndex(entry, 0, 0))

    idle, busy = memory_per_epoch(shares, lambda index: None)[0], memory_per_epoch(shares, read_a_share)[0]
    assert busy - idle < size / 4, (idle / MIB, busy / MIB, size / MIB)
