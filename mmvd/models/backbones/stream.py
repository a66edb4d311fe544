"""What :class:`mmvd.VDViT` needs of a ViT: a new encoder is a class of this shape, a test and a config."""

from abc import ABC, abstractmethod
from operator import attrgetter
from typing import NamedTuple

import torch
from torch import Tensor, nn


class StreamFeatures(NamedTuple):
    """What one stream hands on, not normalised.

    Attributes:
        tokens: Patch tokens (B, N, D) at the four fusion layers.
        cls_tokens: Class tokens (B, D) of the last blocks that are asked for; none where the ViT has none.
        patches: Patch tokens (B, N, D) at the end.
    """

    tokens: list[Tensor]
    cls_tokens: list[Tensor]
    patches: Tensor

    @property
    def cls_token(self) -> Tensor:
        """(B, D) class token of the last block."""
        return self.cls_tokens[-1]


class Stream(nn.Module, ABC):
    """A plain ViT, run in steps: embed, then block by block.

    Attributes:
        embed_dims: Width D of the tokens.
        patch_size: Side of a patch in pixels.
        num_prefix: Tokens before those of the patches (class token first, registers).
        has_cls_token: Whether the first of them is a class token.
        patch_weight: Name of the one parameter whose shape depends on the input channels.
        blocks: The transformer blocks.
        norm: The final normalisation.
    """

    embed_dims: int
    patch_size: int
    num_prefix: int
    has_cls_token: bool
    patch_weight: str
    blocks: nn.ModuleList
    norm: nn.Module

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the weights; read off one by its name, as the replicas of DataParallel have no parameters."""
        return attrgetter(self.patch_weight)(self).dtype

    @abstractmethod
    def embed(self, x: Tensor, key: Tensor | None = None) -> tuple[Tensor, object]:
        """Turn an input whose sides are multiples of the patch size into tokens.

        Args:
            x: (B, C, H, W) of the stream's ``dtype``.
            key: (B, D) added to the class token, or None.

        Returns:
            (B, P + N, D), prefix first, and what every block wants to know of the positions, e.g. a RoPE table.
        """

    @abstractmethod
    def run_block(self, index: int, tokens: Tensor, positions: object) -> Tensor:
        """One block, counted from 0: (B, P + N, D) -> (B, P + N, D)."""

    @abstractmethod
    def own_names(self, state: dict[str, Tensor], source: str) -> tuple[dict[str, Tensor], str]:
        """The tensors of a weights file under the names of this module.

        Args:
            state: Tensors by name, in any layout that the stream knows.
            source: Name of the file, for messages.

        Returns:
            Tensors by own names, and the name of the layout.

        Raises:
            WeightsError: If the file is of another ViT.
        """
