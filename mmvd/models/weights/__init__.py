"""Weights files: safe reading, recognition of layouts, loading into the encoder, adapters."""
from .adapter import attach_rgb, rgb_hash, strip_rgb
from .encoder import load_encoder_weights
from .files import check_fills, load_checkpoint, read_weights
from .layouts import to_dinov2_names

__all__ = ['attach_rgb', 'check_fills', 'load_checkpoint', 'load_encoder_weights', 'read_weights', 'rgb_hash', 'strip_rgb', 'to_dinov2_names']
