"""Depth encoding on the CPU, for pipelines that want it there; by default it happens inside the model."""

import torch
from mmcv.transforms import BaseTransform

from mmvd import ops
from mmvd.errors import config_errors
from mmvd.registry import TRANSFORMS


@TRANSFORMS.register_module()
class PositionalDepthEncoding(BaseTransform):
    """Replace depth by its encoding (paper Eq. 1).

    Goes with ``VDViT(depth_encoding=None, depth_channels=num_channels)``.

    Required Keys: depth, (H, W) metres

    Modified Keys: depth, (H, W, C) float32 in [-1, 1]

    Added Keys: range_factor, by which the map was brought into range; predictions of :class:`mmvd.DepthCompleter` are
        divided by it

    Args:
        num_channels: Channels C, even and positive.
        max_depth: Range in metres; maps beyond 0.95 of it are rescaled to it, as ``VDViT`` does.
        temperature: Sets the shortest wavelength.

    Raises:
        ConfigError: If an argument is outside its domain.
    """

    def __init__(self, num_channels: int = 32, max_depth: float = 15.0, temperature: float = 3e-4):
        with config_errors('PositionalDepthEncoding'):
            ops.depth_wavelengths(num_channels, max_depth, temperature)
        self.arguments = (num_channels, max_depth, temperature)

    def transform(self, results: dict) -> dict:
        """Encode."""
        depth = ops.clean_depth(torch.from_numpy(results['depth']))[None, None]
        factor = ops.range_factor(depth, self.arguments[1])
        depth = depth * factor.view(-1, 1, 1, 1)
        results['depth'] = (
            ops.positional_depth_encoding(depth, *self.arguments)[0].permute(1, 2, 0).contiguous().numpy()
        )
        results['range_factor'] = float(factor)
        return results
