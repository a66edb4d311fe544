"""Allocations that fail."""

import weakref

import pytest
import torch

from mmvd.apis.memory import told_if_full
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
