"""Hooks."""

from .atomic_checkpoint_hook import AtomicCheckpointHook
from .checks import FirstLookHook, SampleCountHook, StrictLoadHook
from .compile_hook import CompileHook
from .density_schedule_hook import DensityScheduleHook
from .depth_panel_hook import DepthPanelHook
from .depth_report_hook import DepthReportHook
from .interrupt_hook import InterruptHook
from .pose_panel_hook import PosePanelHook
from .probe_report_hook import ProbeReportHook
from .seg_panel_hook import SegPanelHook
from .sync_norm_hook import SyncNormStatsHook

__all__ = [
    'AtomicCheckpointHook',
    'CompileHook',
    'DensityScheduleHook',
    'DepthPanelHook',
    'DepthReportHook',
    'FirstLookHook',
    'InterruptHook',
    'PosePanelHook',
    'ProbeReportHook',
    'SampleCountHook',
    'SegPanelHook',
    'StrictLoadHook',
    'SyncNormStatsHook',
]
