"""Omnivore's Swin3D as the RGB-D baseline of the paper (A.8): one trunk reads the sum of image and disparity tokens."""

from collections.abc import Sequence
from contextlib import nullcontext

import torch
from mmengine.model import BaseModule
from torch import Tensor
from torchvision.models.video.swin_transformer import PatchEmbed3d, SwinTransformer3d

from mmvd.arguments import check_choice, check_int, check_row
from mmvd.errors import ConfigError
from mmvd.models.weights import init_encoder, load_omnivore_weights
from mmvd.registry import MODELS

from .maps import Projection, pad_to_cells, to_stride
from .settings import check_image
from .vd_vit import VDFeatures

_PATCH = (2, 4, 4)  # frames, rows, columns; an image is one frame, filled up with an empty one
_FIRST_CELL = 8  # pixels, after the first merging of patches


@MODELS.register_module()
class OmnivoreSwin3D(BaseModule):
    """Video Swin trunk on single frames, a drop-in for :class:`mmvd.VDViT`.

    The trunk is torchvision's; the original code and weights are licensed for non-commercial use, and none of the code
    is here. Training and test read the same normalised disparity (the authors' did not, facts 13.4). Missing depth is
    disparity 0. An input without depth runs as an image, without depth tokens.

    Args:
        embed_dims: Width after the patch embedding (Swin-B: 128).
        depths: Blocks of the four stages.
        num_heads: Attention heads of the four stages.
        window_size: Side of a window in patches.
        depth_encoding: Config of the encoding of depth, one channel. None: the disparity of A.8.
        frozen: ``'all'`` (paper) or ``'none'``.
        out: ``'fused'`` (image and depth) or ``'rgb'``, the image alone: then there is no depth embedding at all.
        out_type: ``'featmap'``: four maps of 2, 4, 8 and 8 ``embed_dims``, finest first, what each stage puts out, or
            ``'avg_featmap'``, ``((B, 8 embed_dims),)``, the mean of the last tokens, normalised (Omnivore has no class
            token).
        strides: Strides of the four maps in pixels, resized from 8, 16, 32 and 32 (authors' code: 2, 4, 8, 16).
        init_cfg: ``dict(type='Pretrained', checkpoint=...)``: the official ``omnivore_swinB_imagenet21k`` or a
            checkpoint of ours; ``dict(type='Random')`` asks for a random trunk by name.

    Raises:
        ConfigError: If the arguments contradict each other.
    """

    patch_size = 32  # sides that are whole multiples are padded nowhere
    over_range = 'rescale'  # which disparity needs not

    def __init__(
        self,
        embed_dims: int = 128,
        depths: Sequence[int] = (2, 2, 18, 2),
        num_heads: Sequence[int] = (4, 8, 16, 32),
        window_size: int = 7,
        depth_encoding: dict | None = None,
        frozen: str = 'all',
        out: str = 'fused',
        out_type: str = 'featmap',
        strides: Sequence[int] = (4, 8, 16, 32),
        init_cfg: dict | None = None,
    ):
        super().__init__(init_cfg)
        owner = type(self).__name__
        self._check_sizes(owner, embed_dims, depths, num_heads, window_size, strides)
        self.frozen = check_choice(owner, 'frozen', frozen, ('all', 'none'))
        self.out = check_choice(owner, 'out', out, ('rgb', 'fused'))
        self.out_type = check_choice(owner, 'out_type', out_type, ('featmap', 'avg_featmap'))
        self.strides, self.window_size = tuple(strides), window_size
        widths = tuple(embed_dims * factor for factor in (2, 4, 8, 8))
        self.out_channels, self.embed_dims = widths if out_type == 'featmap' else widths[3], widths[3]
        self.depth_encoding = MODELS.build(depth_encoding or omnivore_disparity())
        if self.depth_encoding.out_channels != 1:
            raise ConfigError(f'{owner}: depth_encoding must give one channel, got {self.depth_encoding.out_channels}')
        window = [1, window_size, window_size]  # of the official 16 frames an image uses one
        self.swin = SwinTransformer3d(
            list(_PATCH), embed_dims, list(depths), list(num_heads), window, stochastic_depth_prob=0.0
        )
        self.swin.head = None
        norm = type(self.swin.norm)
        self.depth_embed = PatchEmbed3d(list(_PATCH), 1, embed_dims, norm) if out != 'rgb' else None
        if frozen == 'all':
            self.requires_grad_(False)
        if out_type == 'featmap':
            self.swin.norm.requires_grad_(False)  # read by no map: it would break distributed training
        self.train(self.training)

    @staticmethod
    def _check_sizes(owner: str, embed_dims, depths, num_heads, window_size, strides) -> None:
        check_int(owner, 'embed_dims', embed_dims)
        check_int(owner, 'window_size', window_size)
        for name, row in (('depths', depths), ('num_heads', num_heads)):
            check_row(owner, name, row, 4, check_int)
        if sorted(check_row(owner, 'strides', strides, 4, check_int)) != list(strides):
            raise ConfigError(f'{owner}: strides must be four numbers, finest first, got {tuple(strides)}')
        if any(embed_dims * 2**stage % heads for stage, heads in enumerate(num_heads)):
            raise ConfigError(f'{owner}: num_heads={tuple(num_heads)} must divide the widths of the stages')

    @property
    def reads_depth(self) -> bool:
        """Whether depth reaches the outputs."""
        return self.depth_embed is not None

    def train(self, mode: bool = True) -> 'OmnivoreSwin3D':
        """Set the mode; a frozen trunk stays in eval mode."""
        return super().train(mode and self.frozen == 'none')

    def init_weights(self) -> None:
        """Load the weights named by ``init_cfg``; called by the runner after construction.

        Raises:
            WeightsError: If the file is missing, unsafe or does not fit.
        """
        init_encoder(self, load_omnivore_weights)

    def compile_blocks(self) -> None:
        """Compile the stages in place."""
        for stage in self.swin.features:
            stage.compile()

    def encode_rgb(self, rgb: Tensor) -> Tensor:
        """Image tokens (B, 1, h, w, D) of (B, 3, H, W), normalised: all that several depth maps can share."""
        with self._gradients():
            image = pad_to_cells(rgb, self.patch_size).to(self.swin.norm.weight.dtype)
            return self.swin.patch_embed(image[:, :, None])

    def extract(self, inputs: Tensor, rgb: Tensor | None = None, project: Projection | None = None) -> VDFeatures:
        """Encode a batch.

        Args:
            inputs: (B, 4, H, W): RGB in RGB order, ImageNet-normalised, then the depth channel of the encoding; or (B,
                3, H, W) without depth. Float32 for weights of any precision.
            rgb: Image tokens of the same images, if they are known already.
            project: See :meth:`VDViT.extract`.

        Returns:
            The outputs and a range factor of 1: disparity needs none.

        Raises:
            ConfigError: If there are other depth channels.
        """
        check_image(inputs)
        stages, factor = self._stages(inputs, self.encode_rgb(inputs[:, :3]) if rgb is None else rgb)
        if self.out_type == 'avg_featmap':
            return VDFeatures((self._mean_token(stages[3]),), factor)
        return VDFeatures(self._maps(stages, inputs.shape[-2:], project), factor)

    def forward(self, inputs: Tensor) -> tuple[Tensor, ...]:
        """Outputs as the hosts' heads read them; see :meth:`extract` and the class."""
        return self.extract(inputs).outs

    def encode(self, inputs: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        """The four maps, and the mean of the last tokens, normalised (B, 8 embed_dims)."""
        check_image(inputs)
        stages = self._stages(inputs, self.encode_rgb(inputs[:, :3]))[0]
        return self._maps(stages, inputs.shape[-2:]), self._mean_token(stages[3])

    def _gradients(self):
        return torch.no_grad() if self.frozen == 'all' else nullcontext()

    def _stages(self, inputs: Tensor, tokens: Tensor) -> tuple[list[Tensor], Tensor]:
        """(B, h, w, D) after each stage, and the (B,) range factor."""
        depth, factor, encoding = inputs[:, 3:], inputs.new_ones(len(inputs)), self.depth_encoding
        with self._gradients():
            if depth.shape[1] and self.reads_depth:
                if depth.shape[1] != encoding.in_channels:
                    raise ConfigError(
                        f'OmnivoreSwin3D reads {encoding.in_channels} depth channel ({encoding.reads}), got '
                        f'{depth.shape[1]}'
                    )
                with torch.autocast(depth.device.type, enabled=False):
                    depth, factor = encoding.into_range(depth, self.over_range)
                    depth = encoding(pad_to_cells(depth, self.patch_size))
                # a map without a measurement is an image without depth
                known = (inputs[:, 3:] > 0).flatten(1).any(1).view(-1, 1, 1, 1, 1)
                tokens = tokens + self.depth_embed(depth[:, :, None].to(tokens.dtype)) * known
            stages = []
            for index, part in enumerate(self.swin.features):  # blocks, merging, blocks, merging, ...
                tokens = part(tokens)
                if index % 2 or index == len(self.swin.features) - 1:
                    stages.append(tokens[:, 0])
            return stages, factor

    def _mean_token(self, tokens: Tensor) -> Tensor:
        return self.swin.norm(tokens).flatten(1, 2).mean(1)

    def _maps(
        self, stages: Sequence[Tensor], size: tuple[int, int], project: Projection | None = None
    ) -> tuple[Tensor, ...]:
        maps, sides = [], (_FIRST_CELL, 2 * _FIRST_CELL, 4 * _FIRST_CELL, 4 * _FIRST_CELL)
        for level, (tokens, side, stride) in enumerate(zip(stages, sides, self.strides, strict=True)):
            cells = tokens.movedim(3, 1)
            maps.append(to_stride(project(level, cells) if project else cells, side, stride, size))
        return tuple(maps)


def omnivore_disparity() -> dict:
    """Config of the disparity that Omnivore reads (A.8): cut at 75 px, divided by them, normalised."""
    return dict(type='mmvd.DisparityEncoding', mean=0.0418, std=0.0295, max_disparity_px=75.0)
