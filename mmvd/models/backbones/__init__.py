"""Backbones, and the streams that they are built from."""

from .stream import Stream, StreamFeatures
from .timm_stream import TimmStream
from .vd_vit import VDViT
from .vit_stream import ViTStream

__all__ = ['Stream', 'StreamFeatures', 'TimmStream', 'VDViT', 'ViTStream']
