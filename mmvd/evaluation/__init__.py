"""Metrics, baselines and reports."""

from .depth_completion_metric import DepthCompletionMetric
from .linear_probe_metric import LinearProbeMetric

__all__ = ['DepthCompletionMetric', 'LinearProbeMetric']
