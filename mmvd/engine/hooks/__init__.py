"""Hooks."""
from .checks import RedrawCountHook, StrictLoadHook
from .density_schedule_hook import DensityScheduleHook
from .depth_panel_hook import DepthPanelHook
from .depth_report_hook import DepthReportHook

__all__ = ['DensityScheduleHook', 'DepthPanelHook', 'DepthReportHook', 'RedrawCountHook', 'StrictLoadHook']
