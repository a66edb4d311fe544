"""Heads."""

from .depth_completion_head import DepthCompletionHead
from .linear_probe_head import LinearProbeHead

__all__ = ['DepthCompletionHead', 'LinearProbeHead']
