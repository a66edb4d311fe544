"""U-Net decoder with four heads that decode metric depth (paper section 4 and A.4; layout of the authors' code)."""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule, Sequential
from torch import Tensor, nn

from mmvd.arguments import check_flag, check_int, check_positive, check_row, check_share
from mmvd.registry import MODELS

_FINEST_EXPONENT = -2  # the smallest weight is 1 cm, as in the authors' code
_START = 0.1


def decode_weights(max_depth: float) -> Tensor:
    """Weights of metric decoding in metres: powers of ten from the order of ``max_depth`` to 0.01.

    For 15 m these are 10, 1, 0.1 and 0.01.
    """
    check_positive('DepthCompletionHead', 'max_depth', max_depth)
    coarsest = max(math.floor(math.log10(max_depth)), _FINEST_EXPONENT)
    return torch.tensor([10.0**k for k in range(coarsest, _FINEST_EXPONENT - 1, -1)])


class UpBlock(BaseModule):
    """Nearest upsampling to the size of the skip map (or of the output), concatenation, two 3 x 3 convolutions."""

    def __init__(self, in_channels: int, skip_channels: int, out_channels: int, norm_cfg: dict):
        super().__init__()
        conv = dict(kernel_size=3, padding=1, norm_cfg=norm_cfg)
        self.convs = Sequential(
            ConvModule(in_channels + skip_channels, out_channels, **conv),
            ConvModule(out_channels, out_channels, **conv),
        )

    def forward(self, x: Tensor, skip: Tensor | None, size: tuple[int, int]) -> Tensor:
        """Upsample (B, C, h, w) to ``size`` and merge the skip map of that size."""
        x = F.interpolate(x, size=size, mode='nearest')
        return self.convs(x if skip is None else torch.cat((x, skip), dim=1))


@MODELS.register_module()
class DepthCompletionHead(BaseModule):
    """Decodes four feature maps into depth at four scales.

    Each scale has a vector v per pixel and decodes ``d = sum_k leaky_relu(v_k) * w_k`` (paper section 4): the leaky
    ReLU lets a pixel recover from a negative outcome. The biases start at 0.1, so that a new network starts with
    positive depth (choice of this implementation).

    Args:
        in_channels: Channels of the feature maps; four numbers, finest first, where they differ.
        channels: Widths of the four blocks (authors' code: 512, 256, 128, 64 for ViT-B, half of that for ViT-S).
        skip_channels: Width to which a 1 x 1 convolution brings the three skip maps; None takes them as they are
            (authors' code, 41 GMAC for ViT-B at 224 px; 64 with half the widths takes 7).
        max_depth: Sets the decode weights; the ``max_depth`` of the encoding.
        negative_slope: Slope of the leaky ReLU.
        norm_cfg: Normalisation of the convolutions.
        norm_eval: Whether batch norm uses and keeps its running statistics in training too (tiny batches, exact
            distribution).
        num_axes: Axes that are predicted, the last one depth (P3DE: 3).
        loss: Config of the loss.
    """

    def __init__(
        self,
        in_channels: int | Sequence[int],
        channels: Sequence[int] = (512, 256, 128, 64),
        skip_channels: int | None = None,
        max_depth: float = 15.0,
        negative_slope: float = 0.01,
        norm_cfg: dict = dict(type='BN'),
        norm_eval: bool = False,
        num_axes: int = 1,
        loss: dict = dict(type='mmvd.BalancedSILoss'),
    ):
        super().__init__()
        widths = in_channels if isinstance(in_channels, (list, tuple)) else [in_channels] * 4
        check_row('DepthCompletionHead', 'in_channels', widths, 4, check_int)
        check_row('DepthCompletionHead', 'channels', channels, 4, check_int)
        if skip_channels is not None:
            check_int('DepthCompletionHead', 'skip_channels', skip_channels)
        check_share('DepthCompletionHead', 'negative_slope', negative_slope)
        check_flag('DepthCompletionHead', 'norm_eval', norm_eval)
        self.num_axes = check_int('DepthCompletionHead', 'num_axes', num_axes)
        self.negative_slope, self.norm_eval = negative_slope, norm_eval
        self.register_buffer('weights', decode_weights(max_depth), persistent=False)
        self.max_depth = max_depth
        inputs = (widths[3], *channels[:3])
        skips = (*(skip_channels or width for width in widths[2::-1]), 0)
        self.skips = nn.ModuleList(
            nn.Conv2d(width, skip_channels, 1) if skip_channels else nn.Identity() for width in widths[2::-1]
        )
        self.blocks = nn.ModuleList(
            UpBlock(i, skip, o, norm_cfg) for i, skip, o in zip(inputs, skips, channels, strict=True)
        )
        self.vectors = nn.ModuleList(nn.Conv2d(width, num_axes * len(self.weights), 3, padding=1) for width in channels)
        for conv in self.vectors:
            nn.init.constant_(conv.bias, _START)
        self.loss_module = MODELS.build(loss)
        self.to(memory_format=torch.channels_last)  # the order in which the encoder's maps come

    def train(self, mode: bool = True) -> 'DepthCompletionHead':
        """Set the mode; batch norm stays in eval mode with ``norm_eval``."""
        super().train(mode)
        if self.norm_eval:
            for module in self.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.eval()
        return self

    def decode(self, vector: Tensor) -> Tensor:
        """Metric decoding in full precision: (B, A K, h, w) -> (B, A, h, w) metres, axis by axis."""
        active = F.leaky_relu(vector.float(), self.negative_slope)
        return (active.unflatten(1, (self.num_axes, -1)) * self.weights.view(-1, 1, 1)).sum(2)

    def project(self, level: int, cells: Tensor) -> Tensor:
        """The skip convolution of a map, before the encoder resizes it: it commutes with that, and cells are few.

        Args:
            level: Number of the map, finest first.
            cells: (B, C, h, w), a value for each cell of the encoder.

        Returns:
            (B, ``skip_channels``, h, w); the coarsest map, and all without ``skip_channels``, as they are.
        """
        return self.skips[len(self.skips) - 1 - level](cells) if level < len(self.skips) else cells

    def forward(self, features: Sequence[Tensor], size: tuple[int, int]) -> list[Tensor]:
        """Decode.

        Args:
            features: Four maps (B, C, h, w), finest first, strides 2, 4, 8, 16, gone through :meth:`project`.
            size: (H, W) of the input, which is the size of the last prediction.

        Returns:
            Four predictions (B, A, h, w) in metres, coarse to fine: at the sizes of the three finer maps, then at
            ``size``.
        """
        x, preds = features[3], []
        for block, vector, skip in zip(self.blocks, self.vectors, (*features[2::-1], None), strict=True):
            x = block(x, skip, tuple(size) if skip is None else skip.shape[-2:])
            # an entry counts for up to max_depth: half precision would cost millimetres
            with torch.autocast(x.device.type, enabled=False):
                preds.append(self.decode(vector(x.to(vector.weight.dtype))))
        return preds

    def complete(self, features: Sequence[Tensor], inputs: Tensor, range_factor: Tensor) -> list[Tensor]:
        """Predictions in metres of the input, see :meth:`forward`.

        Args:
            features: As in :meth:`forward`.
            inputs: (B, 3 + k, H, W), what was encoded.
            range_factor: (B,), by which depth was multiplied to bring it into the encoding's range.
        """
        return [pred / range_factor.view(-1, 1, 1, 1) for pred in self(features, inputs.shape[-2:])]

    def loss(self, preds: Sequence[Tensor], gt_depth: Tensor, removed_mask: Tensor) -> dict[str, Tensor]:
        """Loss of the predictions in metres against (B, A, H, W) truth and (B, 1, H, W) removed pixels.

        Each axis counts like a sample of its own, those without pixels not at all (authors' code).
        """
        if self.num_axes > 1:
            preds = [pred.flatten(0, 1)[:, None] for pred in preds]
            removed_mask = removed_mask.repeat_interleave(self.num_axes, 0)
            gt_depth = gt_depth.flatten(0, 1)[:, None]
        return dict(loss_depth=self.loss_module(preds, gt_depth, removed_mask))
