"""Weights files: safe reading, recognition of layouts, loading into the encoder."""
from .encoder import load_encoder_weights
from .files import read_weights
from .layouts import to_dinov2_names

__all__ = ['load_encoder_weights', 'read_weights', 'to_dinov2_names']
