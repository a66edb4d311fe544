"""Depth encodings: metric depth in, channels for the depth stream out."""

from .base import DepthEncoding
from .normalized import DisparityEncoding, NormalizeDepth
from .positional import PositionalDepthEncoding, PositionalPointEncoding

__all__ = [
    'DepthEncoding',
    'DisparityEncoding',
    'NormalizeDepth',
    'PositionalDepthEncoding',
    'PositionalPointEncoding',
]
