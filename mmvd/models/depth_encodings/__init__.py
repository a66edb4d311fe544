"""Depth encodings: metric depth in, channels for the depth stream out."""

from .positional import PositionalDepthEncoding

__all__ = ['PositionalDepthEncoding']
