"""Draws with the host's own samplers: from a worker's generator, different in every epoch, told once."""

from functools import partial

import numpy as np
import pytest
import torch
from mmengine.dataset import DefaultSampler, pseudo_collate, worker_init_fn
from scipy.stats import chisquare
from torch.utils.data import DataLoader

from mmvd.datasets import sample_key
from mmvd.errors import ConfigError
from mmvd.registry import DATASETS
from tests.conftest import logged

PIPELINE = [
    dict(type='mmvd.RGBDRandomResizedCrop', size=56),
    dict(type='mmvd.RandomDensityMask'),
    dict(type='mmvd.PackRGBDInputs'),
]


def rooms(**changes):
    return DATASETS.build(
        dict(dict(type='mmvd.SyntheticRooms', length=4, size=(64, 64), cache=True, pipeline=PIPELINE), **changes)
    )


def epochs(data, workers: int, persistent: bool, count: int = 3) -> list[list[bytes]]:
    seeds_alike_in_every_epoch = partial(worker_init_fn, num_workers=workers, rank=0, seed=5)
    loader = DataLoader(
        data,
        sampler=DefaultSampler(data, shuffle=False),
        num_workers=workers,
        persistent_workers=persistent,
        collate_fn=pseudo_collate,
        worker_init_fn=seeds_alike_in_every_epoch,
    )
    return [[batch['removed_mask'][0].numpy().tobytes() for batch in loader] for _ in range(count)]


@pytest.mark.parametrize('workers, persistent', [(0, False), (2, False), (2, True)])
def test_every_epoch_is_another(workers, persistent):
    masks = [mask for epoch in epochs(rooms(), workers, persistent) for mask in epoch]
    assert len(set(masks)) == len(masks)


def test_the_hosts_seed_decides():
    draws = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        draws.append(epochs(rooms(), 2, False, 1))
    assert draws[0] == draws[1] != draws[2]


def test_ranks_draw_apart(monkeypatch):
    """mmengine seeds the main processes of all ranks alike, and their workers apart."""
    found = []
    for rank in (0, 1):
        torch.manual_seed(0)
        init = partial(worker_init_fn, num_workers=2, rank=rank, seed=0)
        loader = DataLoader(Keys(), num_workers=2, worker_init_fn=init)
        torch.manual_seed(0)
        keys = [int(key) for key in loader]  # of processes that need not know their rank
        monkeypatch.setattr(sample_key, 'get_rank', lambda rank=rank: rank)
        found.append(keys + [sample_key.host_key() for _ in range(4)])
        monkeypatch.undo()
    assert len({*found[0], *found[1]}) == 16


class Keys(torch.utils.data.Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        return sample_key.host_key()


def test_datasets_that_no_batch_can_hold_together_are_named():
    inner = dict(type='mmvd.SyntheticRooms', length=3, size=(64, 64))
    parts = [dict(inner, pipeline=PIPELINE), dict(inner, pipeline=[PIPELINE[0], PIPELINE[2]])]
    for settings in (
        dict(type='mmvd.EvenMixture', datasets=dict(zip('ab', parts, strict=True)), samples_per_epoch=20),
        dict(type='mmvd.KeyedConcat', datasets=parts),
    ):
        data = DATASETS.build(settings)
        with pytest.raises(ConfigError, match=r'one of .* lacks (gt_depth, )?removed_mask: a batch needs the same'):
            [data[i] for i in range(len(data))]


@pytest.mark.parametrize('kind', ['EvenMixture', 'KeyedConcat', 'WithPartnerImage'])
def test_containers_take_a_bare_index(kind):
    inner = dict(
        type='mmvd.SyntheticRooms',
        length=3,
        size=(64, 64),
        pipeline=PIPELINE[2:] if kind != 'EvenMixture' else PIPELINE,
    )
    contents = dict(
        EvenMixture=dict(datasets=dict(a=inner), samples_per_epoch=8),
        KeyedConcat=dict(datasets=[inner, inner]),
        WithPartnerImage=dict(dataset=inner),
    )
    data = DATASETS.build(dict(type=f'mmvd.{kind}', **contents[kind]))
    np.testing.assert_array_equal(data[1]['inputs'].shape[0], 3)
    if kind == 'EvenMixture':
        assert data[1]['data_samples'].sample_key != data[1]['data_samples'].sample_key
    else:
        assert torch.equal(data[1]['depth'], data[1]['depth']) and 'sample_key' not in data[1]['data_samples']


def test_it_is_told_once(monkeypatch, caplog):
    lines = logged(monkeypatch, 'info')
    sample_key._TOLD.value = False
    for _ in range(3):
        sample_key.host_key()
    assert len(lines) == 1 and 'mmvd.EpochSampler' in lines[0]
    sample_key._TOLD.value = False
    epochs(rooms(), 2, False, 1)
    assert sample_key._TOLD.value  # said by a worker, known to all


def test_the_mixture_draws_evenly():
    """Nine datasets of very different sizes: chi squared of 3600 draws, and of a sample within its dataset."""
    sizes = [1, 2, 5, 10, 30, 100, 300, 1000, 4000]
    named = {f'set{k}': dict(type='mmvd.SyntheticRooms', length=n, size=(8, 8), seed=k) for k, n in enumerate(sizes)}
    mixture = DATASETS.build(dict(type='mmvd.EvenMixture', datasets=named, samples_per_epoch=3600))
    drawn = []
    for dataset, name in zip(mixture.datasets, mixture.names, strict=True):
        dataset.prepare_data = lambda index, name=name: dict(data_samples=Drawn(drawn, name, int(index)))
    for index in range(3600):
        mixture[sample_key.KeyedIndex(index, 0, 0)]
    counts = np.bincount([int(name.removeprefix('set')) for name, _ in drawn], minlength=9)
    assert chisquare(counts).pvalue > 0.01
    inner = np.bincount([index for name, index in drawn if name == 'set3'], minlength=10)
    assert chisquare(inner).pvalue > 0.01


class Drawn:
    """Notes which sample of which dataset was drawn."""

    def __init__(self, drawn: list, name: str, index: int):
        drawn.append((name, index))

    def set_metainfo(self, about: dict) -> None:
        pass


def test_a_seed_draws_the_same_in_every_release():
    assert sample_key.sample_key(0, 0, 0) == sample_key.KeyedIndex(0, 0, 0).key == 7896617691693857887
    assert sample_key.sample_key(1, 2, 3, 4) == 7661749924751933381
