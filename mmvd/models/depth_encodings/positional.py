"""Positional encodings: sines and cosines of metric depth, or of the three coordinates of points."""

from typing import Any

import torch
from torch import Tensor

from mmvd import ops
from mmvd.arguments import check_choice, check_flag, check_int, check_number, check_positive, check_share
from mmvd.errors import ConfigError, config_errors
from mmvd.registry import MODELS

from .base import DepthEncoding

_STREAM_X, _STREAM_Y, _STREAM_SHARED, _STREAM_CX, _STREAM_CY, _STREAM_ALONE = range(51, 57)


@MODELS.register_module()
class PositionalDepthEncoding(DepthEncoding):
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
    """

    def __init__(
        self,
        num_channels: int = 32,
        max_depth: float = 15.0,
        temperature: float = 3e-4,
        per_sample_max: bool = False,
        key_rule: str = 'code',
    ):
        super().__init__()
        owner = type(self).__name__
        check_flag(owner, 'per_sample_max', per_sample_max)
        check_choice(owner, 'key_rule', key_rule, ('paper', 'code'))
        check_int(owner, 'num_channels', num_channels)
        check_positive(owner, 'max_depth', max_depth)
        check_number(owner, 'temperature', temperature)
        with config_errors(owner):
            ops.depth_wavelengths(num_channels, max_depth, temperature)
        self.num_channels, self.max_depth, self.temperature = num_channels, max_depth, temperature
        self.out_channels = num_channels * self.in_channels
        if key_rule != 'code' and not per_sample_max:
            raise ConfigError(f'{owner}: key_rule={key_rule!r} is of the key that per_sample_max=True writes')
        self.per_sample_max = self.writes_key = per_sample_max
        self.key_rule = key_rule

    def constants(self) -> dict:
        """See :meth:`DepthEncoding.constants`."""
        rule = dict(key_rule=self.key_rule) if self.per_sample_max and self.key_rule != 'code' else {}
        return dict(
            type=type(self).__name__,
            num_channels=self.num_channels,
            max_depth=float(self.max_depth),
            temperature=float(self.temperature),
            per_sample_max=self.per_sample_max,
            **rule,  # older checkpoints name none
        )

    def forward(self, channels: Tensor) -> Tensor:
        """Encode (B, k, H, W) metres, 0 = missing, as (B, k C, H, W) in [-1, 1], axis by axis."""
        channels = self.clean(channels)
        unit = self._maximum(channels) if self.per_sample_max else self.max_depth
        axes = channels.split(1, 1)
        encoded = [ops.positional_depth_encoding(axis, self.num_channels, unit, self.temperature) for axis in axes]
        return encoded[0] if len(encoded) == 1 else torch.cat(encoded, 1)

    def key(self, channels: Tensor, dim: int) -> Tensor | None:
        """(B, dim) key of each map's maximum, or None where the normaliser is one constant that the model can learn."""
        return ops.depth_key(self._maximum(self.clean(channels)), dim, self.key_rule) if self.per_sample_max else None

    @staticmethod
    def _maximum(channels: Tensor) -> Tensor:
        return channels.flatten(1).amax(1)


@MODELS.register_module()
class PositionalPointEncoding(PositionalDepthEncoding):
    """P3DE: |X|, |Y| and Z of each pixel, each encoded as depth is (paper 3.1).

    Missing is decided by Z. In training the camera is jittered and X and Y are left out for some samples (authors'
    code); a camera that is not known is guessed, see :func:`mmvd.ops.guess_camera`.

    Args:
        focal_jitter: Largest relative change of the focal lengths; with probability one half both change alike.
        centre_jitter: Largest relative change of the principal point.
        depth_alone: Probability that X and Y are 0.
        **kwargs: As in :class:`PositionalDepthEncoding`; the keys of a per-sample maximum hold the largest coordinate.

    Raises:
        ConfigError: If an argument is outside its domain.
    """

    in_channels = num_axes = 3
    reads = 'points'

    def __init__(
        self, focal_jitter: float = 0.2, centre_jitter: float = 0.02, depth_alone: float = 0.33, **kwargs: Any
    ):
        super().__init__(**kwargs)
        self.focal_jitter = check_share('PositionalPointEncoding', 'focal_jitter', focal_jitter)
        self.centre_jitter = check_share('PositionalPointEncoding', 'centre_jitter', centre_jitter)
        self.depth_alone = check_share('PositionalPointEncoding', 'depth_alone', depth_alone)

    def channels(self, depth: Tensor, camera: Tensor | None = None, keys: Tensor | None = None) -> Tensor:
        """(B, 1, H, W) metres to (B, 3, H, W): |X|, |Y|, Z in metres."""
        if camera is None:
            camera = self.guess_camera(*depth.shape[-2:]).to(depth.device).expand(len(depth), -1, -1)
        if keys is None:
            return ops.depth_to_points(depth, camera)
        points = ops.depth_to_points(depth, self._jittered(camera, keys))
        alone = (ops.uniform(keys, _STREAM_ALONE) < self.depth_alone).view(-1, 1, 1, 1)
        keep = torch.cat((~alone, ~alone, torch.ones_like(alone)), 1)
        return points * keep

    def _jittered(self, camera: Tensor, keys: Tensor) -> Tensor:
        def factor(stream: int, most: float) -> Tensor:
            return 1 + most * (2 * ops.uniform(keys, stream) - 1)

        both = factor(_STREAM_X, self.focal_jitter)
        focal_y = torch.where(ops.uniform(keys, _STREAM_SHARED) < 0.5, both, factor(_STREAM_Y, self.focal_jitter))
        camera = camera.double().clone()
        camera[:, 0, :2] *= both[:, None]
        camera[:, 1, :2] *= focal_y[:, None]
        camera[:, 0, 2] *= factor(_STREAM_CX, self.centre_jitter)
        camera[:, 1, 2] *= factor(_STREAM_CY, self.centre_jitter)
        return camera
