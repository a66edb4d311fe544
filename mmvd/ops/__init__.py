"""Pure torch functions: batch-first, any device, no registry. Depth is metres, 0 = missing."""

from .counter_rng import choose, fold, normal, uniform
from .curves import auc
from .density import (
    alter_depth,
    check_patterns,
    density_mask,
    density_noise,
    draw_density,
    random_density_mask,
    remove_lowest,
)
from .depth_encoding import depth_key, depth_wavelengths, positional_depth_encoding
from .depth_fill import measured_in_cells, nearest_cells, pyramid_fill
from .depth_range import HEADROOM, clean_depth, range_factor
from .depth_resize import keep_measured, resize_depth
from .losses import balanced_si_loss, multi_scale_balanced_si_loss, si_loss
from .noise import coarse_noise, perlin_noise, pixel_noise
from .points import depth_to_disparity, depth_to_points, guess_camera
from .random_depth import random_depth
from .rotations import rotation_angle, rotation_from_6d, safe_norm
from .transfer import to_device

__all__ = [
    'HEADROOM',
    'alter_depth',
    'auc',
    'balanced_si_loss',
    'check_patterns',
    'choose',
    'clean_depth',
    'coarse_noise',
    'density_mask',
    'density_noise',
    'depth_key',
    'depth_wavelengths',
    'depth_to_disparity',
    'depth_to_points',
    'draw_density',
    'fold',
    'guess_camera',
    'keep_measured',
    'measured_in_cells',
    'multi_scale_balanced_si_loss',
    'nearest_cells',
    'normal',
    'perlin_noise',
    'pixel_noise',
    'positional_depth_encoding',
    'pyramid_fill',
    'random_density_mask',
    'random_depth',
    'rotation_angle',
    'rotation_from_6d',
    'safe_norm',
    'range_factor',
    'remove_lowest',
    'resize_depth',
    'si_loss',
    'to_device',
    'uniform',
]
