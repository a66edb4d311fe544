"""Heads."""
from .depth_completion_head import DepthCompletionHead

__all__ = ['DepthCompletionHead']
