"""What a depth encoding is: the one place that knows what its channels mean."""

import warnings
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from mmvd import ops


class DepthEncoding(nn.Module, ABC):
    """Turns metric depth into channels for the depth stream, in two steps.

    ``channels`` runs once, in the data preprocessor: from metres, and the camera where it is needed, to what travels
    behind RGB in ``inputs``. ``forward`` runs in the model: from those to what the patch embedding reads. Random depth,
    density masks, the density sweep and the halving probe ask the other methods, and know no encoding.

    Attributes:
        in_channels: Channels k in ``inputs``; of the last one 0 means missing.
        out_channels: Channels C that the depth stream reads.
        max_depth: Range in metres.
        num_axes: Axes that a decoder predicts, the last one depth.
        writes_key: Whether :meth:`key` tells the class token something.
        reads_sensor: Whether :meth:`channels` takes ``sensors``, names of the depth sensors of the samples.
        bounds_depth: Whether depth is brought within ``max_depth``, which the decoder then reaches, too.
        reads: What the channels are: ``'metres'``, ``'points'`` or ``'disparity'``; all but the first need a camera.
    """

    in_channels: int = 1
    num_axes: int = 1
    writes_key: bool = False
    reads_sensor: bool = False
    bounds_depth: bool = True
    reads: str = 'metres'
    out_channels: int
    max_depth: float

    def channels(self, depth: Tensor, camera: Tensor | None = None, keys: Tensor | None = None) -> Tensor:
        """Metres to the channels of ``inputs``.

        Args:
            depth: (B, 1, H, W) metres, 0 = missing.
            camera: (B, 3, 3) intrinsics in pixels; None where they are not known, see :meth:`guess_camera`.
            keys: (B,) int64 sample keys in training, for encodings that jitter; None otherwise.

        Returns:
            (B, k, H, W).
        """
        return depth

    def guess_camera(self, height: int, width: int) -> Tensor:
        """(3, 3) intrinsics in pixels for an image of a camera that is not known."""
        return ops.guess_camera(height, width)

    @abstractmethod
    def forward(self, channels: Tensor) -> Tensor:
        """(B, k, H, W) channels to (B, C, H, W) in full precision."""

    @abstractmethod
    def constants(self) -> dict:
        """What weights trained with this encoding depend on; saved in the meta of checkpoints."""

    def key(self, channels: Tensor, dim: int) -> Tensor | None:
        """(B, dim) for the class token, or None where the encoding tells it nothing."""
        return None

    def clean(self, channels: Tensor) -> Tensor:
        """Everything that is no measurement set to 0, judged by the last channel."""
        last = channels[:, -1:]
        valid = torch.isfinite(last) & (last > 0)
        channels = channels if channels.dtype == torch.float64 else channels.float()
        return torch.where(valid, channels, torch.zeros_like(channels))

    def scaled(self, channels: Tensor, factor: Tensor | float) -> Tensor:
        """The channels of the same scene, its depth multiplied by a number or (B,)."""
        return channels * (factor.view(-1, 1, 1, 1) if isinstance(factor, Tensor) else factor)

    def into_range(self, channels: Tensor, over_range: str) -> tuple[Tensor, Tensor]:
        """Bring the depth of each image into range.

        Args:
            channels: (B, k, H, W).
            over_range: ``'rescale'``: by one factor for each image, to 0.95 ``max_depth``; ``'drop'``: what lies beyond
                becomes missing.

        Returns:
            The channels and the (B,) factor, by which predictions are divided.
        """
        if channels.dtype in (torch.bfloat16, torch.float16):
            warnings.warn(
                f'{type(self).__name__}: metres in {channels.dtype} are rounded to millimetres or centimetres, and '
                'features with them: give the model float32 inputs, its weights may have any precision',
                stacklevel=2,
            )
        channels = self.clean(channels)
        reach = channels.amax(1, keepdim=True)  # of points the farthest coordinate
        factor = ops.range_factor(reach, self.max_depth)
        if over_range == 'rescale':
            return self.scaled(channels, factor), factor
        beyond = reach > ops.HEADROOM * self.max_depth
        return torch.where(beyond, torch.zeros_like(channels), channels), torch.ones_like(factor)
