"""Weights files: safe reading, recognition of layouts, loading into the encoder, checkpoints without frozen parts."""

from .adapter import BACKBONE, RGB, attach, fit_checkpoint, leave_out, part_hash
from .encoder import load_encoder_weights
from .files import ENCODING, LEFT_OUT, check_fills, load_checkpoint, tensors_of
from .omnivore import load_omnivore_weights

__all__ = [
    'BACKBONE',
    'ENCODING',
    'LEFT_OUT',
    'RGB',
    'attach',
    'check_fills',
    'fit_checkpoint',
    'leave_out',
    'load_checkpoint',
    'load_encoder_weights',
    'load_omnivore_weights',
    'part_hash',
    'tensors_of',
]
