"""Ways in for people and programs."""

from .classifier import RGBDClassificationInferencer
from .completion import DepthCompletionInferencer
from .feature_viewer import FeatureInferencer
from .loading import list_models, load_model
from .model import VDModel
from .pose import RGBDPoseInferencer
from .segmentor import RGBDSegInferencer

__all__ = [
    'DepthCompletionInferencer',
    'FeatureInferencer',
    'RGBDClassificationInferencer',
    'RGBDPoseInferencer',
    'RGBDSegInferencer',
    'VDModel',
    'list_models',
    'load_model',
]
