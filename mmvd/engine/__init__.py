"""Samplers, hooks, loops, optimizer wrappers."""
from .hooks import (
    AtomicCheckpointHook,
    CompileHook,
    DensityScheduleHook,
    DepthPanelHook,
    DepthReportHook,
    InterruptHook,
    SampleCountHook,
    StrictLoadHook,
)
from .loops import ResumableEpochLoop
from .optim import BF16OptimWrapper
from .samplers import EpochSampler

__all__ = [
    'AtomicCheckpointHook', 'BF16OptimWrapper', 'CompileHook', 'DensityScheduleHook', 'DepthPanelHook', 'DepthReportHook', 'EpochSampler', 'InterruptHook',
    'SampleCountHook', 'ResumableEpochLoop', 'StrictLoadHook'
]
