"""Ways in for people and programs."""
from .inferencer import DepthCompletionInferencer
from .model import VDModel, load_model

__all__ = ['DepthCompletionInferencer', 'VDModel', 'load_model']
