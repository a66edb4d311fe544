"""Whole models for depth completion."""

from .depth_completer import DepthCompleter
from .stored_predictions import StoredPredictions

__all__ = ['DepthCompleter', 'StoredPredictions']
