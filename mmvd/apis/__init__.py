"""Ways in for people and programs."""

from .classifier import RGBDClassificationInferencer
from .inferencer import DepthCompletionInferencer
from .model import VDModel, load_model

__all__ = ['DepthCompletionInferencer', 'RGBDClassificationInferencer', 'VDModel', 'load_model']
