"""Samplers and hooks."""
from .hooks import DensityScheduleHook, DepthPanelHook, DepthReportHook, RedrawCountHook, StrictLoadHook
from .samplers import EpochSampler

__all__ = ['DensityScheduleHook', 'DepthPanelHook', 'DepthReportHook', 'EpochSampler', 'RedrawCountHook', 'StrictLoadHook']
