"""Samplers, hooks, loops, optimizer wrappers."""
from .hooks import AtomicCheckpointHook, DensityScheduleHook, DepthPanelHook, DepthReportHook, InterruptHook, RedrawCountHook, StrictLoadHook
from .loops import ResumableEpochLoop
from .optim import BF16OptimWrapper
from .samplers import EpochSampler

__all__ = [
    'AtomicCheckpointHook', 'BF16OptimWrapper', 'DensityScheduleHook', 'DepthPanelHook', 'DepthReportHook', 'EpochSampler', 'InterruptHook',
    'RedrawCountHook', 'ResumableEpochLoop', 'StrictLoadHook'
]
