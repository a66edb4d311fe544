"""Positional depth encoding as a module."""

from torch import Tensor, nn

from mmvd import ops
from mmvd.arguments import check_choice, check_flag
from mmvd.errors import config_errors
from mmvd.registry import MODELS


@MODELS.register_module()
class PositionalDepthEncoding(nn.Module):
    """Sines and cosines of metric depth (paper Eq. 1), see :func:`mmvd.ops.positional_depth_encoding`.

    Args:
        num_channels: Channels C, even and positive (paper: 32).
        max_depth: Normaliser in metres (paper: 15).
        temperature: Sets the shortest wavelength (authors' code and paper: 3e-4).
        per_sample_max: Whether each map is normalised by its own maximum, which then goes to the class token as a key
            (paper 3.1, rows without "Global"), instead of by ``max_depth``.
        key_rule: Layout of that key, see :func:`mmvd.ops.depth_key`.

    Raises:
        ConfigError: If an argument is outside its domain.

    Attributes:
        in_channels: 1, metric depth.
        out_channels: C.
    """

    in_channels = 1

    def __init__(
        self,
        num_channels: int = 32,
        max_depth: float = 15.0,
        temperature: float = 3e-4,
        per_sample_max: bool = False,
        key_rule: str = 'code',
    ):
        super().__init__()
        check_flag('PositionalDepthEncoding', 'per_sample_max', per_sample_max)
        check_choice('PositionalDepthEncoding', 'key_rule', key_rule, ('paper', 'code'))
        with config_errors('PositionalDepthEncoding'):
            ops.depth_wavelengths(num_channels, max_depth, temperature)
        self.out_channels, self.max_depth, self.temperature = num_channels, max_depth, temperature
        self.per_sample_max, self.key_rule = per_sample_max, key_rule

    def constants(self) -> dict:
        """What weights trained with this encoding depend on; saved in the meta of checkpoints."""
        return dict(
            type=type(self).__name__,
            num_channels=self.out_channels,
            max_depth=float(self.max_depth),
            temperature=float(self.temperature),
            per_sample_max=self.per_sample_max,
        )

    def forward(self, depth: Tensor) -> Tensor:
        """Encode (B, 1, H, W) metres, 0 = missing, as (B, C, H, W) in [-1, 1], in full precision."""
        depth = ops.clean_depth(depth)
        unit = depth.flatten(1).amax(1) if self.per_sample_max else self.max_depth
        return ops.positional_depth_encoding(depth, self.out_channels, unit, self.temperature)

    def key(self, depth: Tensor, dim: int) -> Tensor | None:
        """(B, dim) key of each map's maximum, or None where the normaliser is one constant that the model can learn."""
        return (
            ops.depth_key(ops.clean_depth(depth).flatten(1).amax(1), dim, self.key_rule)
            if self.per_sample_max
            else None
        )
