"""Registry modules: backbone, depth encodings, completion head, loss, data preprocessors, completer."""

from .backbones import OmnivoreSwin3D, TimmStream, VDViT, ViTStream
from .completers import DepthCompleter, StoredPredictions
from .data_preprocessors import (
    RGBDClsDataPreprocessor,
    RGBDDataPreprocessor,
    RGBDDetDataPreprocessor,
    RGBDSegDataPreprocessor,
)
from .depth_encodings import (
    DisparityEncoding,
    NormalizeDepth,
    PositionalDepthEncoding,
    PositionalPointEncoding,
)
from .heads import DepthCompletionHead, JointBilateralHead, LinearProbeHead
from .losses import BalancedSILoss
from .pose import PoETHead, PoseEstimator, PoseLoss

__all__ = [
    'BalancedSILoss',
    'DepthCompleter',
    'DepthCompletionHead',
    'DisparityEncoding',
    'JointBilateralHead',
    'LinearProbeHead',
    'NormalizeDepth',
    'OmnivoreSwin3D',
    'PoETHead',
    'PoseEstimator',
    'PoseLoss',
    'PositionalDepthEncoding',
    'PositionalPointEncoding',
    'RGBDClsDataPreprocessor',
    'RGBDDataPreprocessor',
    'RGBDDetDataPreprocessor',
    'RGBDSegDataPreprocessor',
    'StoredPredictions',
    'TimmStream',
    'VDViT',
    'ViTStream',
]
