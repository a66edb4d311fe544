"""Decoder that completes depth from the measured pixels around each pixel, by a learned joint bilateral kernel."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule, Sequential
from torch import Tensor, nn

from mmvd import ops
from mmvd.arguments import check_int, check_row
from mmvd.errors import ConfigError
from mmvd.registry import MODELS

_STRIDE = 8  # of the coarsest maps
_LEVELS = 5  # cells of 2 to 32 pixels: 20 measured pixels to choose from
_START_M = 3.0  # where nothing is measured at all
_LARGEST_LOG = 3.0  # a factor of 20 on what was filled in
_RARE = -8.0  # at the start the decoder's own estimate counts only where no measured pixel is alike
_COLOUR = 1.2  # log: colours are alike within 17 of 255 at the start


class GuidanceNet(BaseModule):
    """U-Net over the input at strides 1, 2, 4 and 8; the encoder's four maps join at the coarsest.

    Args:
        in_channels: Channels of each of the encoder's maps.
        channels: Widths, finest first.
        norm_cfg: Normalisation of the convolutions.
    """

    def __init__(self, in_channels: int, channels: Sequence[int], norm_cfg: dict):
        super().__init__()

        def convs(inputs: int, outputs: int, stride: int = 1) -> Sequential:
            first = ConvModule(inputs, outputs, 3, stride, padding=1, norm_cfg=norm_cfg)
            return Sequential(first, ConvModule(outputs, outputs, 3, padding=1, norm_cfg=norm_cfg))

        strides, inputs = (1, 2, 2, 2), (6, *channels[:-1])  # RGB, log fill, measured, levels
        self.down = nn.ModuleList(convs(*each) for each in zip(inputs, channels, strides, strict=True))
        self.project = ConvModule(4 * in_channels, channels[-1], 1, norm_cfg=norm_cfg)
        self.merge = convs(2 * channels[-1], channels[-1])
        self.up = nn.ModuleList(
            convs(below + own, own) for below, own in zip(channels[:0:-1], channels[-2::-1], strict=True)
        )

    def forward(self, x: Tensor, features: Sequence[Tensor], size: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """(B, 6, H, W) input, padded, and the encoder's maps of its upper left ``size`` -> maps at stride 8 and 1."""
        maps = []
        for block in self.down:
            x = block(x)
            maps.append(x)
        size = tuple(-(-side // _STRIDE) for side in size)
        if any(each.shape[-2:] != size for each in features):
            raise ConfigError(
                f'JointBilateralHead: the encoder gives maps of {[tuple(each.shape[-2:]) for each in features]} where '
                f'{size} is expected: set model.backbone.strides=({", ".join([str(_STRIDE)] * 4)})'
            )
        tokens = F.pad(torch.cat(list(features), 1), (0, x.shape[-1] - size[1], 0, x.shape[-2] - size[0]))
        coarse = x = self.merge(torch.cat((x, self.project(tokens)), 1))
        for block, skip in zip(self.up, maps[-2::-1], strict=True):
            x = block(torch.cat((F.interpolate(x, skip.shape[-2:], mode='nearest'), skip), 1))
        return coarse, x


@MODELS.register_module()
class JointBilateralHead(BaseModule):
    """Completes each pixel from about twenty measured pixels around it, weighted by place and by what they look like.

    Choice of this implementation. Measured pixels pass through. A missing one chooses among the measured pixels that
    stand for the cells of 2 to 32 pixels around it, and an estimate of the decoder's own: a softmax over
    ``-(distance / reach)^2 / 2 - |e - e'|^2 / 2``, a joint bilateral filter (Petschnigg et al. 2004) whose reach and
    whose colour space e are learned; colour itself at the start. A learned factor near 1 follows slanted surfaces. The
    own estimate is the pull-push fill at stride 8 times a learned factor: where holes are large, it is what the encoder
    makes of the scene. Depth that is scaled gives predictions that are scaled, but for what the encoder sees in it.

    Args:
        in_channels: Channels of each of the encoder's four maps, all of stride 8.
        channels: Widths at strides 1, 2, 4 and 8.
        embed_channels: Learned dimensions of e beside the three of colour.
        norm_cfg: Normalisation of the convolutions.
        loss: Config of the loss.
    """

    num_axes, max_depth = 1, None
    reads_metres = True

    def __init__(
        self,
        in_channels: int,
        channels: Sequence[int] = (16, 32, 48, 64),
        embed_channels: int = 8,
        norm_cfg: dict = dict(type='BN'),
        loss: dict = dict(type='mmvd.BalancedSILoss'),
    ):
        super().__init__()
        owner = 'JointBilateralHead'
        check_int(owner, 'in_channels', in_channels)
        check_int(owner, 'embed_channels', embed_channels)
        check_row(owner, 'channels', channels, 4, check_int)
        self.guide = GuidanceNet(in_channels, channels, norm_cfg)
        self.coarse = nn.Conv2d(channels[-1], 1, 3, padding=1)
        self.kernel = nn.Conv2d(channels[0], 3 + embed_channels, 3, padding=1)  # reach, own estimate, factor, e
        for conv, gain in ((self.coarse, 0.0), (self.kernel, 0.1)):  # starts as a joint bilateral filter
            nn.init.zeros_(conv.bias)
            conv.weight.data.mul_(gain)
        self.colour_scale = nn.Parameter(torch.tensor(_COLOUR))
        self.level_bias = nn.Parameter(torch.zeros(_LEVELS))
        self.loss_module = MODELS.build(loss)
        self.to(memory_format=torch.channels_last)

    def forward(self, features: Sequence[Tensor], inputs: Tensor) -> list[Tensor]:
        """Complete.

        Args:
            features: Four maps (B, C, H / 8, W / 8), rounded up.
            inputs: (B, 4, H, W): normalised RGB, and metres, 0 = missing; or (B, 3, H, W), nothing measured.

        Returns:
            Predictions in metres: (B, 1, H / 8, W / 8) of the decoder alone, then (B, 1, H, W).

        Raises:
            ConfigError: If the maps have another stride.
        """
        height, width = inputs.shape[-2:]
        inputs = F.pad(inputs, (0, -width % 2**_LEVELS, 0, -height % 2**_LEVELS))
        with torch.autocast(inputs.device.type, enabled=False):
            dtype = self.kernel.weight.dtype
            image, depth = inputs[:, :3].to(torch.promote_types(dtype, torch.float32)), inputs[:, 3:]
            depth = ops.clean_depth(depth).to(image.dtype) if depth.shape[1] else torch.zeros_like(image[:, :1])
            fill, levels = ops.pyramid_fill(depth)
            fill = torch.where(fill > 0, fill, _START_M)
            log_fill = fill.log()
            log_fill = log_fill - log_fill.mean((2, 3), keepdim=True)
            x = torch.cat((image, log_fill, (depth > 0).to(depth.dtype), levels / _LEVELS), 1)
        coarse, fine = self.guide(x.to(dtype, memory_format=torch.channels_last), features, (height, width))
        coarse, kernel = self.coarse(coarse), self.kernel(fine)
        with torch.autocast(depth.device.type, enabled=False):
            coarse = F.avg_pool2d(fill, _STRIDE) * _bounded_exp(coarse.to(fill.dtype))
            value = self._choose(image, depth, levels, coarse, kernel.to(fill.dtype))
            pred = torch.where(depth > 0, depth, value)
        return [coarse[..., : -(-height // _STRIDE), : -(-width // _STRIDE)], pred[..., :height, :width]]

    def _choose(self, image: Tensor, depth: Tensor, levels: Tensor, coarse: Tensor, kernel: Tensor) -> Tensor:
        """(B, 1, H, W) metres for every pixel as if it were missing."""
        height, width = depth.shape[-2:]
        rows = torch.arange(height, device=depth.device, dtype=depth.dtype)[:, None].expand_as(depth)
        columns = torch.arange(width, device=depth.device, dtype=depth.dtype).expand_as(depth)
        reach, own, factor, learned = kernel.split((1, 1, 1, kernel.shape[1] - 3), 1)
        place = torch.cat((rows, columns), 1)
        embedding = torch.cat((image * self.colour_scale.exp(), learned), 1)
        per_px = (-2 * (levels + reach.clamp(-4, 4))).exp2()  # 1 / squared reach
        measured = torch.cat((depth, place), 1)
        scores, values = [own + _RARE], [F.interpolate(coarse, (height, width), mode='bilinear')]
        for level, index in enumerate(ops.measured_in_cells(depth, _LEVELS), 1):
            there = torch.cat((_pick(measured, index), (index >= 0).to(depth.dtype)), 1)
            looks = ops.nearest_cells(_pick(embedding, index), 2**level)
            for near, look in zip(ops.nearest_cells(there, 2**level), looks, strict=True):
                away = (near[:, 1:3] - place).square().sum(1, keepdim=True) * per_px
                unlike = (look - embedding).square().sum(1, keepdim=True)
                score = self.level_bias[level - 1] - 0.5 * (away + unlike)
                scores.append(score.masked_fill(near[:, 3:] == 0, -torch.inf))
                values.append(near[:, :1])
        weight = torch.cat(scores, 1).softmax(1)
        return (weight * torch.cat(values, 1)).sum(1, keepdim=True) * _bounded_exp(factor)

    def complete(self, features: Sequence[Tensor], inputs: Tensor, range_factor: Tensor) -> list[Tensor]:
        """See :meth:`forward`; in metres of the input, whatever range the encoder brought them into."""
        return self(features, inputs)

    def loss(self, preds: Sequence[Tensor], gt_depth: Tensor, removed_mask: Tensor) -> dict[str, Tensor]:
        """Loss of the predictions in metres against (B, 1, H, W) truth and removed pixels."""
        return dict(loss_depth=self.loss_module(preds, gt_depth, removed_mask))


def _pick(maps: Tensor, index: Tensor) -> Tensor:
    """(B, C, H, W) at flat pixels (B, 1, h, w) -> (B, C, h, w); the first pixel for -1."""
    where = index.clamp(min=0).flatten(2).expand(-1, maps.shape[1], -1)
    return maps.flatten(2).gather(2, where).unflatten(2, index.shape[-2:])


def _bounded_exp(x: Tensor) -> Tensor:
    return x.clamp(-_LARGEST_LOG, _LARGEST_LOG).exp()
