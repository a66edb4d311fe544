"""Pipeline transforms: loading, joint geometry, photometric, random depth and density, encoding, formatting."""
import mmcv.transforms  # noqa: F401  registers LoadImageFromFile and friends

from .depth_encoding import PositionalDepthEncoding
from .formatting import PackRGBDInputs
from .geometry import RGBDRandomFlip, RGBDRandomResizedCrop, RGBDRandomRotate, RGBDResize
from .loading import LoadDepth
from .photometric import RandomColorJitter, RandomGrayscale
from .random_depth import RandomDensityMask, RandomDepth
from .validity import RequireDepth

__all__ = [
    'LoadDepth', 'PackRGBDInputs', 'PositionalDepthEncoding', 'RGBDRandomFlip', 'RGBDRandomResizedCrop', 'RGBDRandomRotate', 'RGBDResize',
    'RandomColorJitter', 'RandomDensityMask', 'RandomDepth', 'RandomGrayscale', 'RequireDepth'
]
