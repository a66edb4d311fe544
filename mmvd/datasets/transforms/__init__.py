"""Pipeline transforms: loading, joint geometry, photometric, random depth and density, encoding, formatting."""

import mmcv.transforms  # noqa: F401  registers LoadImageFromFile and friends

from .crops import RGBDCenterCrop, RGBDRandomCrop, RGBDRandomResizedCrop
from .depth_encoding import (
    DisparityEncoding,
    NormalizeDepth,
    PositionalDepthEncoding,
    PositionalPointEncoding,
)
from .formatting import PackRGBDInputs
from .geometry import RGBDRandomFlip, RGBDRandomRotate, RGBDResize
from .intrinsics import GuessIntrinsics
from .labels import LoadLabels, LoadRoomInstances
from .loading import LoadDepth, LoadImage
from .photometric import RandomColorJitter, RandomGrayscale, ThreeAugment
from .poses import LoadAnnotatedBoxes, LoadDetectedBoxes, PackPoseInputs
from .random_depth import AlterDepth, RandomDensityMask, RandomDepth, SparsePoints
from .validity import RequireDepth

__all__ = [
    'AlterDepth',
    'LoadDetectedBoxes',
    'LoadAnnotatedBoxes',
    'DisparityEncoding',
    'GuessIntrinsics',
    'LoadDepth',
    'LoadImage',
    'LoadLabels',
    'LoadRoomInstances',
    'NormalizeDepth',
    'PackPoseInputs',
    'PackRGBDInputs',
    'PositionalDepthEncoding',
    'PositionalPointEncoding',
    'RGBDCenterCrop',
    'RGBDRandomCrop',
    'RGBDRandomFlip',
    'RGBDRandomResizedCrop',
    'RGBDRandomRotate',
    'RGBDResize',
    'RandomColorJitter',
    'RandomDensityMask',
    'RandomDepth',
    'RandomGrayscale',
    'RequireDepth',
    'SparsePoints',
    'ThreeAugment',
]
