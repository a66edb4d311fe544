"""Data preprocessors."""
from .rgbd import RGBDDataPreprocessor

__all__ = ['RGBDDataPreprocessor']
