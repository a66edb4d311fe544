"""Allocations that fail."""

import weakref

import pytest
import torch

from mmvd.apis.memory import fitting_size, told_if_full
from mmvd.errors import MemoryLimitError


def test_what_was_computed_is_let_go_before_the_remedy_is_asked_for():
    """A remedy tries smaller images: nothing fits beside the maps of the failed ones."""
    maps = []

    def compute() -> None:
        computed = torch.zeros(4)
        maps.append(weakref.ref(computed))
        raise torch.OutOfMemoryError('CUDA out of memory')

    def remedy() -> str:
        return 'take less' if maps[0]() is None else 'nothing was let go'

    with (
        pytest.raises(MemoryLimitError, match='^images do not fit into memory: take less$'),
        told_if_full('images', remedy),
    ):
        compute()


def test_other_errors_pass():
    with pytest.raises(RuntimeError, match='^something else$'), told_if_full('images', 'take less'):
        raise RuntimeError('something else')


def test_a_size_that_is_named_fits_once_more(monkeypatch):
    """Pieces of the sizes that were tried stay in the cache of a GPU; a real one: ``tests/test_on_gpu.py``."""
    cached = []

    def run(size: int) -> None:
        cached.append(size)
        if sum(cached) > 800:
            raise torch.OutOfMemoryError('CUDA out of memory')

    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    monkeypatch.setattr(torch.cuda, 'empty_cache', cached.clear)
    assert fitting_size(run, 1200) == 'size=600 does, one image at a time'
    run(600)
