"""PoET's head: a deformable transformer whose queries are boxes."""

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmvd import ops
from mmvd.arguments import check_choice, check_int, check_share
from mmvd.errors import ConfigError, SampleError
from mmvd.registry import MODELS

from .box_query_encoding import BoxQueryEncoding

_NEAR_M = 0.05  # nothing is seen nearer than that
_START_M = 1.0  # where an untrained head puts every object


@MODELS.register_module()
class PoETHead(BaseModule):
    """Estimates the pose of the object in each box (Jantos et al. 2022, on mmdet's deformable transformer).

    Args:
        in_channels: Channels of the feature maps; of more maps the last ones are taken.
        num_classes: Classes of objects.
        loss: Config of the loss, see :class:`PoseLoss`.
        embed_dims: Width of the transformer.
        num_heads: Attention heads (PoET's example: 16; its code and VD's: 8).
        num_points: Points that a head looks at in each map.
        feedforward: Hidden width of the feed-forward networks.
        encoder_layers: Layers of the encoder; 0 leaves it out: tokens of a ViT have seen each other already.
        decoder_layers: Layers of the decoder; each has outputs of its own, all of which are trained.
        dropout: In the transformer.
        class_mode: ``'specific'``, one output for each class, or ``'agnostic'``, one for all.
        box_frequencies: Of :class:`BoxQueryEncoding`; PoET's are 32.
        reference: Where a query looks first: ``'centre'`` of its box (PoET), or ``'box'``, offsets in shares of it.
        translation: ``'metres'``, the head gives (x, y, z) (PoET), and the camera is learned by heart; or
            ``'projected'``: it gives the centre's place relative to the box and its depth, and the ``intrinsics`` of
            the image say what that is in space.
        init_cfg: As in mmengine.

    Raises:
        ConfigError: If an argument is outside its domain.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        num_classes: int,
        loss: dict,
        embed_dims: int = 256,
        num_heads: int = 8,
        num_points: int = 4,
        feedforward: int = 1024,
        encoder_layers: int = 6,
        decoder_layers: int = 6,
        dropout: float = 0.1,
        class_mode: str = 'specific',
        box_frequencies: int = 10,
        reference: str = 'centre',
        translation: str = 'metres',
        init_cfg: dict | None = None,
    ):
        super().__init__(init_cfg)
        owner = 'PoETHead'
        self.num_classes = check_int(owner, 'num_classes', num_classes)
        check_int(owner, 'encoder_layers', encoder_layers, 0)
        check_int(owner, 'decoder_layers', decoder_layers)
        _check_widths(in_channels, embed_dims, num_heads, num_points, feedforward, dropout)
        self.class_mode = check_choice(owner, 'class_mode', class_mode, ('specific', 'agnostic'))
        self.reference = check_choice(owner, 'reference', reference, ('centre', 'box'))
        self.translation = check_choice(owner, 'translation', translation, ('metres', 'projected'))
        levels = len(in_channels)
        self.neck, self.position = _neck(in_channels, embed_dims)
        self.level_embed = nn.Parameter(torch.randn(levels, embed_dims))
        self.box_code = BoxQueryEncoding(embed_dims, box_frequencies)
        attention = dict(embed_dims=embed_dims, num_heads=num_heads, dropout=dropout)
        deformable = dict(attention, num_levels=levels, num_points=num_points, batch_first=True)
        ffn = dict(embed_dims=embed_dims, feedforward_channels=feedforward, ffn_drop=dropout)
        self.encoder, self.decoder = _transformer(encoder_layers, decoder_layers, attention, deformable, ffn)
        outputs = num_classes if class_mode == 'specific' else 1
        self.rotation_heads = _mlps(embed_dims, 6 * outputs, decoder_layers)
        self.place_heads = _mlps(embed_dims, 3 * outputs, decoder_layers)
        self.num_heads, self.loss_fn = num_heads, MODELS.build(loss)

    def init_weights(self) -> None:
        """As Deformable DETR, and depth starts at one metre."""
        super().init_weights()
        for part in filter(None, (self.encoder, self.decoder)):
            for parameter in part.parameters():
                if parameter.dim() > 1:
                    nn.init.xavier_uniform_(parameter)
            for module in part.modules():
                if hasattr(module, 'sampling_offsets'):
                    module.init_weights()
        for head in self.place_heads:
            nn.init.zeros_(head.layers[-1].bias)
            with torch.no_grad():
                head.layers[-1].bias[2::3] = _START_M

    def forward(
        self, features: Sequence[Tensor], boxes: Tensor, labels: Tensor, valid: Tensor, metas: Sequence[dict]
    ) -> tuple[Tensor, Tensor]:
        """Poses of all decoder layers.

        Args:
            features: Maps (B, C, h, w), at least one for each of ``in_channels``.
            boxes: (B, Q, 4) float32 x1, y1, x2, y2 in pixels of the input.
            labels: (B, Q) int64 classes.
            valid: (B, Q) bool; other rows are padding, which no query attends to.
            metas: Of each image ``batch_input_shape``, ``img_shape`` and ``intrinsics``.

        Returns:
            (L, B, Q, 3, 3) float32 rotations from object to camera and (L, B, Q, 3) float32 translations in metres.
        """
        sides = [[meta['img_shape'][1], meta['img_shape'][0]] * 2 for meta in metas]  # without padding, as mmdet has it
        corners = boxes.float() / boxes.new_tensor(sides)[:, None]
        box = torch.cat(((corners[..., :2] + corners[..., 2:]) / 2, corners[..., 2:] - corners[..., :2]), -1)
        memory = self._encode(features, metas)
        code = self.box_code(box).to(memory['value'].dtype)
        blocked = ~valid & valid.any(1, keepdim=True)  # an image without boxes must not end in a softmax over nothing
        hidden, _ = self.decoder(
            query=code,
            query_pos=code,
            reference_points=box if self.reference == 'box' else box[..., :2],
            self_attn_mask=blocked[:, None, None].expand(-1, self.num_heads, valid.shape[1], -1).flatten(0, 1),
            **memory,
        )
        with torch.autocast(boxes.device.type, enabled=False):
            six = self._outputs(self.rotation_heads, hidden, labels, 6)
            place = self._outputs(self.place_heads, hidden, labels, 3)
            return ops.rotation_from_6d(six), self._translations(place, boxes.float(), metas)

    def _outputs(self, heads: nn.ModuleList, hidden: Tensor, labels: Tensor, size: int) -> Tensor:
        """(L, B, Q, size) of the class of each query."""
        found = torch.stack([head(layer.float()) for head, layer in zip(heads, hidden, strict=True)])
        found = found.unflatten(-1, (-1, size))
        which = labels.clamp(min=0) if self.class_mode == 'specific' else torch.zeros_like(labels)
        return found.gather(3, which[None, ..., None, None].expand(len(found), -1, -1, 1, size))[..., 0, :]

    def _translations(self, place: Tensor, boxes: Tensor, metas: Sequence[dict]) -> Tensor:
        if self.translation == 'metres':
            return place
        if any(meta.get('intrinsics') is None for meta in metas):
            raise SampleError(
                f"{metas[0].get('img_path')}: translation='projected' needs the intrinsics of every image"
            )
        cameras = torch.stack([torch.as_tensor(meta['intrinsics']).float() for meta in metas]).to(boxes.device)
        size = boxes[..., 2:] - boxes[..., :2]
        centre = (boxes[..., 2:] + boxes[..., :2]) / 2 - 0.5  # pixel centres are at integers
        pixel = centre + place[..., :2] * size
        depth = F.softplus(place[..., 2:] - _NEAR_M, beta=10) + _NEAR_M
        rays = torch.cat((pixel, torch.ones_like(depth)), -1) @ torch.linalg.inv(cameras).transpose(1, 2)
        return rays * depth

    def _encode(self, features: Sequence[Tensor], metas: Sequence[dict]) -> dict[str, Tensor]:
        """The image side, as mmdet's decoder takes it."""
        maps, masks, positions = self.neck(tuple(features[-len(self.level_embed) :])), [], []
        whole = _padding(metas, maps[0].device)
        for level, x in enumerate(maps):
            mask = F.interpolate(whole[:, None].float(), x.shape[-2:])[:, 0].bool()
            masks.append(mask)
            positions.append(self.position(mask).flatten(2).transpose(1, 2) + self.level_embed[level])
        shapes = torch.tensor([x.shape[-2:] for x in maps], device=maps[0].device)
        areas = shapes.prod(1)
        ratios = torch.stack(
            [torch.stack([(~m)[:, 0].float().mean(1), (~m)[:, :, 0].float().mean(1)], -1) for m in masks], 1
        )
        shared = dict(
            key_padding_mask=torch.cat([mask.flatten(1) for mask in masks], 1),
            spatial_shapes=shapes,
            level_start_index=torch.cat((areas.new_zeros(1), areas.cumsum(0)[:-1])),
            valid_ratios=ratios,
        )
        tokens = torch.cat([x.flatten(2).transpose(1, 2) for x in maps], 1)
        position = torch.cat(positions, 1).to(tokens.dtype)
        if self.encoder is None:
            return dict(shared, value=tokens + position)
        return dict(shared, value=self.encoder(query=tokens, query_pos=position, **shared))


def _mlps(width: int, outputs: int, count: int) -> nn.ModuleList:
    from mmdet.models.layers.transformer.utils import MLP

    return nn.ModuleList(MLP(width, width, outputs, 3) for _ in range(count))


def _check_widths(
    in_channels: Any, embed_dims: Any, num_heads: Any, num_points: Any, feedforward: Any, dropout: Any
) -> None:
    owner = 'PoETHead'
    if not isinstance(in_channels, (list, tuple)) or not in_channels:
        raise ConfigError(f'{owner}: in_channels must be a list of channels, one for each map, got {in_channels!r}')
    for channels in in_channels:
        check_int(owner, 'in_channels', channels)
    for name, value in dict(num_heads=num_heads, num_points=num_points, feedforward=feedforward).items():
        check_int(owner, name, value)
    if check_int(owner, 'embed_dims', embed_dims) % num_heads:
        raise ConfigError(f'{owner}: embed_dims={embed_dims} must be a multiple of num_heads={num_heads}')
    check_share(owner, 'dropout', dropout)


def _neck(in_channels: Sequence[int], width: int) -> tuple[nn.Module, nn.Module]:
    """What brings the feature maps to one width, and the code of the places in them."""
    from mmdet.models.layers.positional_encoding import SinePositionalEncoding  # other tasks need no mmdet
    from mmdet.models.necks import ChannelMapper

    norm = dict(type='GN', num_groups=math.gcd(32, width))
    neck = ChannelMapper(list(in_channels), width, 1, norm_cfg=norm, act_cfg=None, num_outs=len(in_channels))
    return neck, SinePositionalEncoding(num_feats=width // 2, normalize=True, offset=-0.5)


def _transformer(encoder_layers: int, decoder_layers: int, attention: dict, deformable: dict, ffn: dict):
    from mmdet.models.layers.transformer import DeformableDetrTransformerDecoder, DeformableDetrTransformerEncoder

    encoder = None
    if encoder_layers:
        encoder = DeformableDetrTransformerEncoder(
            num_layers=encoder_layers, layer_cfg=dict(self_attn_cfg=deformable, ffn_cfg=ffn)
        )
    decoder = DeformableDetrTransformerDecoder(
        num_layers=decoder_layers,
        return_intermediate=True,
        post_norm_cfg=None,
        layer_cfg=dict(self_attn_cfg=dict(attention, batch_first=True), cross_attn_cfg=deformable, ffn_cfg=ffn),
    )
    return encoder, decoder


def _padding(metas: Sequence[dict], device: torch.device) -> Tensor:
    """(B, H, W) bool, where an image was padded."""
    height, width = metas[0]['batch_input_shape']
    rows, columns = torch.arange(height, device=device)[:, None], torch.arange(width, device=device)
    return torch.stack([(rows >= meta['img_shape'][0]) | (columns >= meta['img_shape'][1]) for meta in metas])
