"""A ViT in DINOv2's layout, with or without registers. The blocks are timm's."""

from functools import partial

import torch
import torch.nn.functional as F
from timm.layers import PatchEmbed
from timm.models.vision_transformer import Block
from torch import Tensor, nn

from mmvd.arguments import check_choice, check_int
from mmvd.errors import WeightsError
from mmvd.models.weights.layouts import REGISTERS, to_dinov2_names
from mmvd.registry import MODELS

from .settings import check_arch
from .stream import Stream

_RULES = ('dinov2', 'size', 'antialias')


@MODELS.register_module()
class ViTStream(Stream):
    """A ViT whose parameters have DINOv2's names.

    Args:
        arch: ``'small'``, ``'base'``, ``'large'`` (DINOv2's) or a dict with embed_dims, depth and num_heads.
        in_channels: Input channels.
        patch_size: Side of a patch in pixels.
        img_size: Side in pixels of the image whose patches the position embedding is made for.
        num_registers: Register tokens (DINOv2 with registers: 4).
        position_rule: How the position embedding meets another grid: ``'dinov2'`` (official: bicubic, scale factor with
            0.1 added to the token count), ``'size'`` (mmpretrain, transformers: bicubic to the size) or ``'antialias'``
            (timm, and DINOv2's official rule with registers). None takes the official one.

    Raises:
        ConfigError: If an argument is outside its domain.
    """

    patch_weight, has_cls_token = 'patch_embed.proj.weight', True

    def __init__(
        self,
        arch: str | dict = 'base',
        in_channels: int = 3,
        patch_size: int = 14,
        img_size: int = 518,
        num_registers: int = 0,
        position_rule: str | None = None,
    ):
        super().__init__()
        size = check_arch(arch, patch_size, img_size)
        check_int('ViTStream', 'in_channels', in_channels)
        check_int('ViTStream', 'num_registers', num_registers, 0)
        rule = position_rule or ('antialias' if num_registers else 'dinov2')
        self.position_rule = check_choice('ViTStream', 'position_rule', rule, _RULES)
        self.embed_dims, self.patch_size, self.num_prefix = size['embed_dims'], patch_size, 1 + num_registers
        self.grid = img_size // patch_size
        self.patch_embed = PatchEmbed(None, patch_size, in_channels, self.embed_dims)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, self.embed_dims))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + self.grid**2, self.embed_dims))
        self.register_tokens = nn.Parameter(torch.zeros(1, num_registers, self.embed_dims)) if num_registers else None
        norm = partial(nn.LayerNorm, eps=1e-6)
        self.blocks = nn.ModuleList(
            Block(self.embed_dims, size['num_heads'], qkv_bias=True, init_values=1.0, norm_layer=norm)
            for _ in range(size['depth'])
        )
        self.norm = norm(self.embed_dims)
        self._reset()

    def _reset(self) -> None:
        nn.init.trunc_normal_(self.pos_embed, std=0.02)
        nn.init.normal_(self.cls_token, std=1e-6)
        if self.register_tokens is not None:
            nn.init.normal_(self.register_tokens, std=1e-6)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)

    def positions(self, grid: tuple[int, int]) -> Tensor:
        """Position embedding for a token grid: (1, 1 + h * w, D)."""
        if grid == (self.grid, self.grid):
            return self.pos_embed
        table = self.pos_embed[:, 1:].float().unflatten(1, (self.grid, self.grid))
        rows, columns = (self._bicubic_weights(side) for side in grid)
        with torch.autocast(table.device.type, enabled=False):
            patches = (rows @ (columns @ table).flatten(2)).reshape(1, -1, self.embed_dims)
        return torch.cat((self.pos_embed[:, :1], patches.to(self.pos_embed.dtype)), dim=1)

    def _bicubic_weights(self, side: int) -> Tensor:
        """What each of ``side`` new positions of an axis takes of the table's: (side, grid), float32.

        Products with them are what resizing the table gives. On a GPU that has no gradient in a fixed order, and takes
        long for few positions of many channels.
        """
        table = torch.eye(self.grid, dtype=torch.float32, device=self.pos_embed.device)[None, None]
        if self.position_rule == 'dinov2':
            return F.interpolate(table, scale_factor=((side + 0.1) / self.grid, 1.0), mode='bicubic')[0, 0]
        antialias = self.position_rule == 'antialias'
        return F.interpolate(table, size=(side, self.grid), mode='bicubic', antialias=antialias)[0, 0]

    def embed(self, x: Tensor, key: Tensor | None = None) -> tuple[Tensor, None]:
        """See :meth:`Stream.embed`; the positions are in the tokens already."""
        tokens = self.patch_embed(x)
        cls_token = self.cls_token.expand(len(x), -1, -1)
        if key is not None:
            cls_token = cls_token + key[:, None].to(cls_token.dtype)
        tokens = torch.cat((cls_token.to(tokens.dtype), tokens), dim=1)
        tokens = tokens + self.positions((x.shape[-2] // self.patch_size, x.shape[-1] // self.patch_size))
        if self.register_tokens is None:
            return tokens, None
        registers = self.register_tokens.expand(len(x), -1, -1).to(tokens.dtype)
        return torch.cat((tokens[:, :1], registers, tokens[:, 1:]), dim=1), None

    def run_block(self, index: int, tokens: Tensor, positions: None) -> Tensor:
        """See :meth:`Stream.run_block`."""
        return self.blocks[index](tokens)

    def own_names(self, state: dict[str, Tensor], source: str) -> tuple[dict[str, Tensor], str]:
        """See :meth:`Stream.own_names`: the official, mmpretrain, timm and Hugging Face layouts of DINOv2."""
        state, layout = to_dinov2_names(state, source)
        found = state[REGISTERS].shape[1] if REGISTERS in state else 0
        if found != self.num_prefix - 1:
            raise WeightsError(
                f'{source}: a ViT with {found} register tokens, but the config has {self.num_prefix - 1}: set '
                f"backbone.rgb=dict(type='mmvd.ViTStream', num_registers={found}, ...), or take the other file "
                '(those with registers have "reg" in their names)'
            )
        return state, layout
