"""Datasets within datasets, as users nest them."""

import pytest
from mmengine.config import Config

from mmvd.apis.preparation import listed_datasets
from mmvd.datasets.nesting import datasets_in, parts_of
from mmvd.datasets.probe_splits import trained_on_holdout
from mmvd.errors import ConfigError
from mmvd.registry import DATASETS

ROOMS = dict(type='mmvd.SyntheticRooms', length=2, size=(8, 8))


def nine(**settings) -> dict:
    parts = {name: dict(type='mmvd.RGBDDataset', data_root=name) for name in ('here', 'there')}
    return dict(type='mmvd.EvenMixture', datasets=parts, samples_per_epoch=4, **settings)


@pytest.mark.parametrize('only', ['here', ['here']])
def test_what_a_mixture_leaves_out_is_neither_prepared_nor_examined(only):
    wrapped = dict(type='RepeatDataset', times=2, dataset=nine(only=only))
    assert [node.get('data_root') for node in datasets_in(wrapped)] == [None, None, 'here']
    found = listed_datasets(Config(dict(train_dataloader=dict(dataset=wrapped))))
    assert [node['data_root'] for node in found] == ['here']


def test_a_name_that_a_mixture_has_not_is_told():
    with pytest.raises(ConfigError, match='no dataset gone, choose among here, there'):
        list(datasets_in(nine(only='gone')))


def test_wrappers_of_the_hosts_hold_datasets():
    wrapped = DATASETS.build(dict(type='RepeatDataset', times=2, dataset=dict(ROOMS)))
    assert parts_of(wrapped) == [wrapped.dataset] == parts_of(wrapped.dataset)


def test_a_held_out_part_counts_as_one_however_deep_it_lies():
    def concat(*parts):
        return dict(type='mmvd.KeyedConcat', datasets=list(parts))

    test, held = dict(ROOMS, seed=1), dict(ROOMS, seed=0, split='holdout')
    evaluated = DATASETS.build(concat(test, concat(held)))
    assert [part.split for part in parts_of(evaluated)] == ['test', 'holdout']
    assert len(trained_on_holdout(DATASETS.build(dict(ROOMS, seed=0)), evaluated)) == 2
