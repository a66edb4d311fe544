"""Heads."""

from .depth_completion_head import DepthCompletionHead
from .joint_bilateral_head import JointBilateralHead
from .linear_probe_head import LinearProbeHead

__all__ = ['DepthCompletionHead', 'JointBilateralHead', 'LinearProbeHead']
