"""Weights files: safe reading, recognition of layouts, loading into the encoder, checkpoints without frozen parts."""

from .adapter import BACKBONE, RGB, attach, fit_checkpoint, leave_out, part_hash
from .encoder import init_encoder, load_encoder_weights
from .files import ENCODING, LEFT_OUT, load_checkpoint, load_fully, tensors_of
from .omnivore import load_omnivore_weights

__all__ = [
    'BACKBONE',
    'ENCODING',
    'LEFT_OUT',
    'RGB',
    'attach',
    'fit_checkpoint',
    'init_encoder',
    'leave_out',
    'load_checkpoint',
    'load_encoder_weights',
    'load_fully',
    'load_omnivore_weights',
    'part_hash',
    'tensors_of',
]
