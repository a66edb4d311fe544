"""Samplers, hooks, loops, optimizer wrappers."""

from . import hooks
from .hooks import *  # noqa: F403
from .loops import ResumableEpochLoop
from .optim import BF16OptimWrapper
from .samplers import EpochSampler

__all__ = [*hooks.__all__, 'BF16OptimWrapper', 'EpochSampler', 'ResumableEpochLoop']
