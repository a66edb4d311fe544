"""The Vanishing Depth encoder: a frozen RGB ViT and a depth ViT beside it, fused layer by layer."""

from collections.abc import Sequence
from contextlib import nullcontext
from typing import NamedTuple

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmvd.errors import ConfigError, SampleError
from mmvd.models.weights import init_encoder, load_encoder_weights
from mmvd.registry import MODELS

from .fusion import SEFusion
from .maps import Projection, pad_to_cells, to_stride
from .settings import check_image, check_input, check_layers, check_output, check_streams, stream_configs
from .stream import StreamFeatures


class VDFeatures(NamedTuple):
    """Maps or class token as the hosts' heads read them, and the (B,) factor by which depth was brought into range."""

    outs: tuple[Tensor, ...]
    range_factor: Tensor


@MODELS.register_module()
class VDViT(BaseModule):
    """Two ViTs of one architecture; after four layers the depth tokens are replaced by the fusion of both.

    Paper Fig. 1.

    The RGB stream runs first and never sees depth; frozen, it runs without gradients and in eval mode whatever
    ``train()`` says. An input whose sides are no multiples of the patch size is padded below and to the right with mean
    colour and missing depth, and the maps are cut to the input again. An input of three channels is legal: an image
    without depth sensor.

    Args:
        arch: Short form of two streams in DINOv2's layout, see :class:`mmvd.ViTStream`; ``'base'`` without ``rgb``.
        depth_encoding: Config of the encoding of metric depth, or None for channels that come encoded from the
            pipeline.
        depth_channels: Number of those channels; only with ``depth_encoding=None``.
        patch_size: Of the short form.
        img_size: Of the short form.
        position_rule: Of the short form.
        rgb: Config of the RGB stream, e.g. ``dict(type='mmvd.TimmStream', model_name='eva02_base_patch14_224')``.
        depth: Config of the depth stream, of the same width, depth and patch; like ``rgb`` by default.
        fusion_layers: Four layers, counted from 1; by default 1/4, 1/2, 3/4 and all of the depth (paper: 3, 6, 9, 12).
        gate: ``'token'`` (authors' code) or ``'image'``, see :class:`SEFusion`.
        frozen: ``'rgb'`` (paper), ``'all'`` (downstream) or ``'none'`` (paper's row without RGB pretraining).
        out: ``'rgb'``, ``'fused'``, ``'rgb+fused'`` (concatenated in this order) or ``'pre_fusion'`` (depth tokens
            before the fusion of each layer). With ``'rgb'`` there is no depth stream at all.
        out_type: ``'featmap'``, a tuple of four maps (B, C, h, w), finest first, or ``'cls_token'``, ``((B, C),)``,
            normalised, or ``'avg_featmap'``, the same of the mean patch tokens of the last block.
        last_blocks: Class tokens of so many last blocks are concatenated, each normalised, as in DINOv2's linear
            evaluation.
        strides: Strides of the four maps in pixels (authors' code: 2, 4, 8, 16).
        norm_features: Whether the streams' final LayerNorm is applied to the maps.
        over_range: ``'rescale'`` brings maps beyond 0.95 max_depth to it by one factor per image, ``'drop'`` makes such
            pixels missing.
        init_cfg: ``dict(type='Pretrained', checkpoint=...)``: a DINOv2 file (official, mmpretrain, timm or Hugging Face
            layout), which starts both streams, or a VD checkpoint; recognised by the names of its tensors. Random
            without; ``dict(type='Random')`` says so by name, which the commands ask for in downstream tasks.

    Raises:
        ConfigError: If the arguments contradict each other.
    """

    def __init__(
        self,
        arch: str | dict | None = None,
        depth_encoding: dict | None = dict(type='mmvd.PositionalDepthEncoding'),
        depth_channels: int | None = None,
        patch_size: int | None = None,
        img_size: int | None = None,
        fusion_layers: Sequence[int] | None = None,
        gate: str = 'token',
        frozen: str = 'rgb',
        out: str = 'fused',
        out_type: str = 'featmap',
        last_blocks: int = 1,
        strides: Sequence[int] = (4, 8, 16, 32),
        norm_features: bool = False,
        over_range: str = 'rescale',
        position_rule: str | None = None,
        rgb: dict | None = None,
        depth: dict | None = None,
        init_cfg: dict | None = None,
    ):
        super().__init__(init_cfg)
        short = dict(arch=arch, patch_size=patch_size, img_size=img_size, position_rule=position_rule)
        rgb, depth = stream_configs(short, rgb, depth)
        check_input(depth_encoding, depth_channels, frozen, over_range, out)
        self.frozen, self.out, self.out_type, self.over_range = frozen, out, out_type, over_range
        self.rgb_stream = MODELS.build(rgb)
        self.embed_dims, self.patch_size = self.rgb_stream.embed_dims, self.rgb_stream.patch_size
        blocks = len(self.rgb_stream.blocks)
        check_output(out, out_type, strides, norm_features, last_blocks, blocks)
        self.fusion_layers = check_layers(fusion_layers, blocks)
        self.strides, self.first_cls = tuple(strides), blocks - last_blocks + 1
        self.use_norm = norm_features or out_type != 'featmap'
        self.out_channels = self.embed_dims * (2 if out == 'rgb+fused' else 1) * last_blocks
        self.depth_encoding = MODELS.build(depth_encoding) if depth_encoding is not None else None
        self.depth_stream = self.fusions = None
        if out != 'rgb':
            self._build_depth(depth, depth_channels, gate)
        check_streams([self.rgb_stream, *filter(None, [self.depth_stream])], out_type, self.depth_encoding)
        self._freeze()

    def _build_depth(self, depth: dict, depth_channels: int | None, gate: str) -> None:
        channels = depth_channels if self.depth_encoding is None else self.depth_encoding.out_channels
        self.depth_stream = MODELS.build(dict(depth, in_channels=channels))
        # Nothing reads the patch tokens after the last fusion unless it is put out, or a later block's token is.
        last_fused = self.out_type != 'cls_token' and self.out in ('fused', 'rgb+fused')
        last_fused |= self.out_type != 'featmap' and self.fusion_layers[-1] < len(self.rgb_stream.blocks)
        self.fusions = nn.ModuleList(SEFusion(self.embed_dims, gate=gate) for _ in range(4 if last_fused else 3))

    def _freeze(self) -> None:
        if self.frozen in ('rgb', 'all'):
            self.rgb_stream.requires_grad_(False)
        if self.frozen == 'all':
            self.requires_grad_(False)
        # What nothing reads must not be trainable: it would break distributed training.
        if not (self.use_norm and 'rgb' in self.out):
            self.rgb_stream.norm.requires_grad_(False)
        if self.depth_stream is not None and not self.use_norm:
            self.depth_stream.norm.requires_grad_(False)
        if 'rgb' not in self.out:
            self.rgb_stream.blocks[self.fusion_layers[len(self.fusions) - 1] :].requires_grad_(False)
        if self.out_type == 'featmap':
            for stream in filter(None, (self.rgb_stream, self.depth_stream)):
                stream.blocks[self.fusion_layers[-1] :].requires_grad_(False)
        self.train(self.training)

    def train(self, mode: bool = True) -> 'VDViT':
        """Set the mode; what is frozen stays in eval mode."""
        super().train(mode and self.frozen != 'all')
        if self.frozen == 'rgb':
            self.rgb_stream.eval()
        return self

    def init_weights(self) -> None:
        """Load the weights named by ``init_cfg`` and report what was loaded; called by the runner after construction.

        Raises:
            WeightsError: If the file is missing, unsafe or does not fit.
        """
        init_encoder(self, load_encoder_weights)

    def compile_blocks(self) -> None:
        """Compile the transformer blocks of both streams in place."""
        for stream in filter(None, (self.rgb_stream, self.depth_stream)):
            for block in stream.blocks:
                block.compile()

    def encode_rgb(self, rgb: Tensor) -> StreamFeatures:
        """Run the RGB stream: (B, 3, H, W), normalised, any size.

        The result can serve several depth maps of the image.
        """
        with torch.no_grad() if self.frozen in ('rgb', 'all') else nullcontext():
            stream, kept, cls_tokens = self.rgb_stream, [], []
            tokens, positions = stream.embed(pad_to_cells(rgb, self.patch_size).to(stream.dtype))
            for layer in range(1, len(stream.blocks) + 1):
                tokens = stream.run_block(layer - 1, tokens, positions)
                if layer in self.fusion_layers:
                    kept.append(tokens[:, stream.num_prefix :])
                if layer >= self.first_cls and stream.has_cls_token:
                    cls_tokens.append(tokens[:, 0])
            return StreamFeatures(kept, cls_tokens, tokens[:, stream.num_prefix :])

    def encode_depth(self, depth: Tensor, rgb: StreamFeatures) -> tuple[StreamFeatures, Tensor]:
        """Run the depth stream on (B, k, H, W) depth channels, fusing RGB features in.

        Also gives the (B,) range factor.
        """
        key, factor, encoding = None, depth.new_ones(len(depth)), self.depth_encoding
        if encoding is not None:
            with torch.autocast(depth.device.type, enabled=False):
                depth, factor = encoding.into_range(depth, self.over_range)
                key = encoding.key(depth, self.embed_dims)
                depth = encoding(pad_to_cells(depth, self.patch_size))
        elif any(side % self.patch_size for side in depth.shape[-2:]):
            raise SampleError(
                f'VDViT: encoded depth channels have no empty value to pad with: {tuple(depth.shape[-2:])} must be '
                f'multiples of {self.patch_size}'
            )
        stream, kept, cls_tokens = self.depth_stream, [], []
        tokens, positions = stream.embed(depth.to(stream.dtype), key)
        for layer in range(1, len(stream.blocks) + 1):
            tokens = stream.run_block(layer - 1, tokens, positions)
            if layer in self.fusion_layers:
                level = self.fusion_layers.index(layer)
                # one backward; two slices would each fill a map with 0
                prefix, before = tokens.split((stream.num_prefix, tokens.shape[1] - stream.num_prefix), dim=1)
                after = before
                if level < len(self.fusions):
                    after = self.fusions[level](before, rgb.tokens[level])
                    tokens = torch.cat((prefix, after), dim=1)
                kept.append(before if self.out == 'pre_fusion' else after)
            if layer >= self.first_cls and stream.has_cls_token:
                cls_tokens.append(tokens[:, 0])
        return StreamFeatures(kept, cls_tokens, tokens[:, stream.num_prefix :]), factor

    def extract(
        self, inputs: Tensor, rgb: StreamFeatures | None = None, project: Projection | None = None
    ) -> VDFeatures:
        """Encode a batch.

        Args:
            inputs: (B, 3 + k, H, W): RGB in RGB order, ImageNet-normalised, then depth channels (metres for PDE, 0 =
                missing); or (B, 3, H, W) without depth. Float32 for weights of any precision.
            rgb: RGB features of the same images, if they are known already.
            project: What the head makes of the maps before they are resized.

        Returns:
            The outputs and the factor by which metric depth was multiplied to bring it into range.
        """
        rgb, fused, factor = self._streams(inputs, rgb)
        return VDFeatures(self.outputs(rgb, fused, inputs.shape[-2:], project), factor)

    def _streams(self, inputs: Tensor, rgb: StreamFeatures | None = None) -> tuple[StreamFeatures | Tensor | None, ...]:
        """Features of RGB, of depth (None if it is not read), and the range factor."""
        check_image(inputs)
        rgb = self.encode_rgb(inputs[:, :3]) if rgb is None else rgb
        if self.depth_stream is None:
            return rgb, None, inputs.new_ones(len(inputs))
        depth = self._with_channels(inputs[:, :3], inputs[:, 3:])
        with torch.no_grad() if self.frozen == 'all' else nullcontext():
            return rgb, *self.encode_depth(depth, rgb)

    def encode(self, inputs: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        """What :meth:`extract` puts out, and the last stream's normalised class token (B, D): of depth, if it is read.

        The mean patch token stands for a class token where the ViT has none.
        """
        rgb, fused, _ = self._streams(inputs)
        stream, last = (self.rgb_stream, rgb) if fused is None else (self.depth_stream, fused)
        token = stream.norm(last.cls_token) if stream.has_cls_token else stream.norm(last.patches).mean(1)
        return self.outputs(rgb, fused, inputs.shape[-2:]), token

    @property
    def reads_depth(self) -> bool:
        """Whether depth reaches the outputs."""
        return self.depth_stream is not None

    def _with_channels(self, image: Tensor, depth: Tensor) -> Tensor:
        """Empty depth for an input of three channels; a wrong number is told."""
        encoding = self.depth_encoding
        if depth.shape[1] == 0:
            if encoding is None:
                raise ConfigError(
                    'VDViT: an input without depth needs depth_encoding: encoded channels cannot be empty'
                )
            return image.new_zeros(len(image), encoding.in_channels, *image.shape[-2:])
        if encoding is not None and depth.shape[1] != encoding.in_channels:
            raise ConfigError(
                f'VDViT: {type(encoding).__name__} reads {encoding.in_channels} depth channels ({encoding.reads}), got '
                f'{depth.shape[1]}: give model.data_preprocessor the same depth_encoding'
            )
        return depth

    def forward(self, inputs: Tensor) -> tuple[Tensor, ...]:
        """Outputs as the hosts' heads read them; see :meth:`extract` and the class."""
        return self.extract(inputs).outs

    def outputs(
        self,
        rgb: StreamFeatures,
        fused: StreamFeatures | None,
        size: tuple[int, int],
        project: Projection | None = None,
    ) -> tuple[Tensor, ...]:
        """Maps or class token, as ``out`` and ``out_type`` say; ``size`` is the input's (height, width)."""
        streams = []
        if 'rgb' in self.out:
            streams.append((rgb, self.rgb_stream))
        if fused is not None:
            streams.append((fused, self.depth_stream))
        if self.out_type == 'avg_featmap':
            return (torch.cat([stream.norm(features.patches).mean(1) for features, stream in streams], dim=1),)
        if self.out_type == 'cls_token':
            return (
                torch.cat([stream.norm(token) for features, stream in streams for token in features.cls_tokens], dim=1),
            )
        maps, grid = [], tuple(-(-side // self.patch_size) for side in size)
        for level, stride in enumerate(self.strides):
            tokens = [
                stream.norm(features.tokens[level]) if self.use_norm else features.tokens[level]
                for features, stream in streams
            ]
            cells = torch.cat(tokens, dim=2).transpose(1, 2).unflatten(2, grid)
            maps.append(to_stride(project(level, cells) if project else cells, self.patch_size, stride, size))
        return tuple(maps)
