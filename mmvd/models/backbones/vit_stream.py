"""One plain ViT in DINOv2's layout, run in two steps: embed, then block by block. The blocks are timm's."""

from functools import partial

import torch
import torch.nn.functional as F
from timm.models.vision_transformer import Block
from torch import Tensor, nn

from mmvd.errors import ConfigError


class PatchEmbed(nn.Module):
    """Patch embedding: (B, C, H, W) -> (B, H/p * W/p, D)."""

    def __init__(self, in_channels: int, embed_dims: int, patch_size: int):
        super().__init__()
        self.proj = nn.Conv2d(in_channels, embed_dims, patch_size, patch_size)

    def forward(self, x: Tensor) -> Tensor:
        """Project patches."""
        return self.proj(x).flatten(2).transpose(1, 2)


class ViTStream(nn.Module):
    """A ViT whose parameters have DINOv2's names.

    Args:
        embed_dims: Width D.
        depth: Number of blocks.
        num_heads: Attention heads.
        in_channels: Input channels.
        patch_size: Side of a patch in pixels.
        img_size: Side in pixels of the image whose patches the position embedding is made for.
        position_rule: How the position embedding meets another grid: ``'dinov2'`` (official: bicubic, scale factor with
            0.1 added to the token count), ``'size'`` (mmpretrain, transformers: bicubic to the size) or ``'antialias'``
            (timm).
    """

    def __init__(
        self,
        embed_dims: int,
        depth: int,
        num_heads: int,
        in_channels: int = 3,
        patch_size: int = 14,
        img_size: int = 518,
        position_rule: str = 'dinov2',
    ):
        super().__init__()
        if position_rule not in ('dinov2', 'size', 'antialias'):
            raise ConfigError(f"position_rule must be 'dinov2', 'size' or 'antialias', got {position_rule!r}")
        self.grid, self.position_rule = img_size // patch_size, position_rule
        self.patch_embed = PatchEmbed(in_channels, embed_dims, patch_size)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, embed_dims))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + self.grid**2, embed_dims))
        norm = partial(nn.LayerNorm, eps=1e-6)
        self.blocks = nn.ModuleList(
            Block(embed_dims, num_heads, qkv_bias=True, init_values=1.0, norm_layer=norm) for _ in range(depth)
        )
        self.norm = norm(embed_dims)
        self._reset()

    def _reset(self) -> None:
        nn.init.trunc_normal_(self.pos_embed, std=0.02)
        nn.init.normal_(self.cls_token, std=1e-6)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)

    def positions(self, grid: tuple[int, int]) -> Tensor:
        """Position embedding for a token grid: (1, 1 + h * w, D)."""
        if grid == (self.grid, self.grid):
            return self.pos_embed
        table = self.pos_embed[:, 1:].float().unflatten(1, (self.grid, self.grid)).permute(0, 3, 1, 2)
        if self.position_rule == 'dinov2':
            factor = tuple((side + 0.1) / self.grid for side in grid)
            table = F.interpolate(table, scale_factor=factor, mode='bicubic')
        else:
            table = F.interpolate(table, size=grid, mode='bicubic', antialias=self.position_rule == 'antialias')
        patches = table.flatten(2).transpose(1, 2).to(self.pos_embed.dtype)
        return torch.cat((self.pos_embed[:, :1], patches), dim=1)

    def embed(self, x: Tensor, key: Tensor | None = None) -> Tensor:
        """Turn an input whose sides are multiples of the patch size into tokens.

        Args:
            x: (B, C, H, W).
            key: (B, D) added to the class token before the position embedding, or None.

        Returns:
            (B, 1 + N, D), class token first.
        """
        patch = self.patch_embed.proj.stride[0]
        tokens = self.patch_embed(x)
        cls_token = self.cls_token.expand(len(x), -1, -1)
        if key is not None:
            cls_token = cls_token + key[:, None].to(cls_token.dtype)
        tokens = torch.cat((cls_token.to(tokens.dtype), tokens), dim=1)
        return tokens + self.positions((x.shape[-2] // patch, x.shape[-1] // patch))
