"""Any plain ViT that timm builds: EVA-02, DINOv3, SigLIP 2, CLIP, MAE, ..."""

import sys

import timm
from timm.models import deit
from timm.models.eva import Eva
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from mmvd.arguments import check_int
from mmvd.errors import ConfigError, WeightsError
from mmvd.registry import MODELS

from .stream import Stream

_HEADS = ('head.', 'fc_norm.', 'attn_pool.', 'lm_head.', 'head_dist.')  # read by no stream


@MODELS.register_module()
class TimmStream(Stream):
    """A ViT of timm, run in steps; its tokens are those of timm's ``forward_intermediates``.

    Plain means: all tokens of an image on one grid, every block attends to all of them, and the blocks run one after
    the other. Position embeddings and RoPE follow the size of the input, by timm's own rules.

    Args:
        model_name: timm's name, e.g. ``'eva02_base_patch14_224'``; nothing is downloaded.
        in_channels: Input channels.
        img_size: Side in pixels of the image whose patches the position embedding is made for; None: timm's.
        model_args: Further arguments of the model, e.g. another depth.

    Raises:
        ConfigError: If timm has no such model, it is not plain, or it refuses the arguments.
    """

    patch_weight = 'vit.patch_embed.proj.weight'

    def __init__(
        self, model_name: str, in_channels: int = 3, img_size: int | None = None, model_args: dict | None = None
    ):
        super().__init__()
        check_int('TimmStream', 'in_channels', in_channels)
        if not isinstance(model_name, str) or not timm.is_model(model_name):
            raise ConfigError(
                f'TimmStream: timm {timm.__version__} has no model {model_name!r}, see timm.list_models()'
            )
        if not _is_plain_by_name(model_name):
            raise ConfigError(_why_not(model_name))
        settings = dict(model_args or {}, **({'img_size': img_size} if img_size else {}))
        try:
            vit = timm.create_model(
                model_name, pretrained=False, num_classes=0, in_chans=in_channels, dynamic_img_size=True, **settings
            )
        except (TypeError, ValueError, AssertionError, KeyError, RuntimeError) as error:
            reason = ' '.join(str(error).split())
            raise ConfigError(f'TimmStream: timm cannot build {model_name} with {settings} ({reason})') from error
        if type(vit) not in (VisionTransformer, Eva):
            raise ConfigError(_why_not(model_name))
        self.vit, self.model_name = vit, model_name
        self.embed_dims, self.num_prefix = vit.embed_dim, vit.num_prefix_tokens
        self.patch_size, self.has_cls_token = vit.patch_embed.patch_size[0], vit.cls_token is not None
        vit.head = vit.attn_pool = None  # read by no stream, and must not be trainable
        if isinstance(vit.norm, nn.Identity) and not isinstance(vit.fc_norm, nn.Identity):
            vit.norm = vit.fc_norm  # the same normalisation, which timm applies after its pooling
        vit.fc_norm = nn.Identity()

    @property
    def blocks(self) -> nn.ModuleList:
        """The transformer blocks."""
        return self.vit.blocks

    @property
    def norm(self) -> nn.Module:
        """The final normalisation."""
        return self.vit.norm

    def embed(self, x: Tensor, key: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """See :meth:`Stream.embed`."""
        tokens, positions = self.vit._pos_embed(self.vit.patch_embed(x)), None
        if isinstance(tokens, tuple):  # those with RoPE
            tokens, positions = tokens
        if key is not None:
            tokens = tokens.clone()
            tokens[:, 0] += key.to(tokens.dtype)
        return self.vit.norm_pre(tokens), positions

    def run_block(self, index: int, tokens: Tensor, positions: Tensor | None) -> Tensor:
        """See :meth:`Stream.run_block`."""
        if positions is None:
            return self.blocks[index](tokens)
        by_block = getattr(self.vit, 'rope_mixed', False)
        return self.blocks[index](tokens, rope=positions[index] if by_block else positions)

    def own_names(self, state: dict[str, Tensor], source: str) -> tuple[dict[str, Tensor], str]:
        """See :meth:`Stream.own_names`: what timm itself knows to load into this model, official layouts among it."""
        convert = sys.modules[type(self.vit).__module__].checkpoint_filter_fn
        try:
            state = convert(dict(state), self.vit)
        except (KeyError, RuntimeError, IndexError, AttributeError, AssertionError, ValueError) as error:
            reason = f'{type(error).__name__}: {" ".join(str(error).split())}'
            raise WeightsError(f'{source}: timm cannot bring it to {self.model_name} ({reason})') from error
        own = self.vit.state_dict()
        if 'norm.weight' in own and 'norm.weight' not in state and 'fc_norm.weight' in state:
            state.update({f'norm.{part}': state[f'fc_norm.{part}'] for part in ('weight', 'bias')})
        kept = {name: value for name, value in state.items() if name in own or not name.startswith(_HEADS)}
        return {f'vit.{name}': value for name, value in kept.items()}, f"timm's {self.model_name}"


def _is_plain_by_name(model_name: str) -> bool:
    """Whether timm builds it in one of the modules of plain ViTs: nothing large is built to find out."""
    return timm.model_entrypoint(model_name).__module__ in (
        VisionTransformer.__module__,
        Eva.__module__,
        deit.__name__,  # those without a distillation token are plain
    )


def _why_not(model_name: str) -> str:
    return (
        f'TimmStream: {model_name} is no plain ViT (windows, stages of several grids, convolutions between blocks, '
        'relative position biases, or another structure of its own), and fusion needs one grid of tokens through all '
        'blocks: choose one that timm builds as VisionTransformer or Eva'
    )
