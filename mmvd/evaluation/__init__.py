"""Metrics, baselines and reports."""
from .depth_completion_metric import DepthCompletionMetric

__all__ = ['DepthCompletionMetric']
