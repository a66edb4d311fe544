"""Registry modules: backbone, depth encodings, completion head, loss, data preprocessors, completer."""
from .backbones import VDViT
from .completers import DepthCompleter
from .data_preprocessors import RGBDDataPreprocessor
from .depth_encodings import PositionalDepthEncoding
from .heads import DepthCompletionHead
from .losses import BalancedSILoss

__all__ = ['BalancedSILoss', 'DepthCompleter', 'DepthCompletionHead', 'PositionalDepthEncoding', 'RGBDDataPreprocessor', 'VDViT']
