"""Backbones, and the streams that they are built from."""

from .omnivore import OmnivoreSwin3D
from .stream import Stream, StreamFeatures
from .timm_stream import TimmStream
from .vd_vit import VDViT
from .vit_stream import ViTStream

__all__ = ['OmnivoreSwin3D', 'Stream', 'StreamFeatures', 'TimmStream', 'VDViT', 'ViTStream']
