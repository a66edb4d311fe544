"""A sample must hold some depth, and metres where they are changed."""

import numpy as np
from mmcv.transforms import BaseTransform

from mmvd.arguments import check_int
from mmvd.errors import ConfigError, TooLittleDepthError
from mmvd.registry import TRANSFORMS


def check_metres(results: dict, owner: object) -> None:
    """See that depth is (H, W) metres, of which 0 is missing: of channels that encode it 0 says something else.

    Raises:
        ConfigError: If it is encoded already.
    """
    depth, name = results.get('depth'), type(owner).__name__
    if depth is not None and depth.ndim != 2:
        raise ConfigError(f'{name}: depth is encoded already, {depth.shape}: put {name} before what encodes it')


@TRANSFORMS.register_module()
class RequireDepth(BaseTransform):
    """Refuse samples with too little depth.

    Required Keys: depth

    Args:
        min_valid_pixels: Fewest pixels with depth; 100 in the authors' code.

    Raises:
        TooLittleDepthError: If there are fewer.
    """

    def __init__(self, min_valid_pixels: int = 100):
        self.min_valid_pixels = check_int('RequireDepth', 'min_valid_pixels', min_valid_pixels, 0)

    def transform(self, results: dict) -> dict:
        """Count; nothing changes."""
        check_metres(results, self)
        valid = int(np.count_nonzero(results['depth'] > 0))
        if valid < self.min_valid_pixels:
            raise TooLittleDepthError(
                f'{results.get("depth_path", results.get("img_path"))} has {valid} pixels with depth, '
                f'{self.min_valid_pixels} are needed'
            )
        return results
