"""Data preprocessors."""

from .cls import RGBDClsDataPreprocessor
from .det import RGBDDetDataPreprocessor
from .rgbd import RGBDDataPreprocessor
from .seg import RGBDSegDataPreprocessor

__all__ = ['RGBDClsDataPreprocessor', 'RGBDDataPreprocessor', 'RGBDDetDataPreprocessor', 'RGBDSegDataPreprocessor']
