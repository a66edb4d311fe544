"""Weights files: safe reading, recognition of layouts, loading into the encoder, checkpoints without frozen parts."""

from .adapter import BACKBONE, RGB, attach, leave_out, part_hash
from .encoder import load_encoder_weights
from .files import ENCODING, LEFT_OUT, check_encoding, check_fills, load_checkpoint, tensors_of
from .layouts import to_dinov2_names
from .omnivore import load_omnivore_weights

__all__ = [
    'BACKBONE',
    'ENCODING',
    'LEFT_OUT',
    'RGB',
    'attach',
    'check_encoding',
    'check_fills',
    'leave_out',
    'load_checkpoint',
    'load_encoder_weights',
    'load_omnivore_weights',
    'part_hash',
    'tensors_of',
    'to_dinov2_names',
]
