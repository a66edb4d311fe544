"""Whole models for depth completion."""

from .depth_completer import DepthCompleter

__all__ = ['DepthCompleter']
