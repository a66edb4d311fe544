"""Names of a DINOv2 ViT in four code bases, brought to the official ones."""

import re

import torch
from torch import Tensor

from mmvd.errors import WeightsError

_PREFIXES = ('module.', 'backbone.', 'dinov2.', 'dinov2_with_registers.', 'model.')
REGISTERS = 'register_tokens'
_MMPRETRAIN = [
    (r'^patch_embed\.projection\.', 'patch_embed.proj.'),
    (r'^ln1\.', 'norm.'),
    (r'^layers\.(\d+)\.ln(\d)\.', r'blocks.\1.norm\2.'),
    (r'^layers\.(\d+)\.attn\.gamma1\.weight$', r'blocks.\1.ls1.gamma'),
    (r'^layers\.(\d+)\.ffn\.gamma2\.weight$', r'blocks.\1.ls2.gamma'),
    (r'^layers\.(\d+)\.ffn\.layers\.0\.0\.', r'blocks.\1.mlp.fc1.'),
    (r'^layers\.(\d+)\.ffn\.layers\.1\.', r'blocks.\1.mlp.fc2.'),
    (r'^layers\.', 'blocks.'),
]
_HUGGING_FACE = [
    (r'^embeddings\.patch_embeddings\.projection\.', 'patch_embed.proj.'),
    (r'^embeddings\.cls_token$', 'cls_token'),
    (r'^embeddings\.register_tokens$', REGISTERS),
    (r'^embeddings\.mask_token$', 'mask_token'),
    (r'^embeddings\.position_embeddings$', 'pos_embed'),
    (r'^layernorm\.', 'norm.'),
    (r'^encoder\.layer\.(\d+)\.attention\.output\.dense\.', r'blocks.\1.attn.proj.'),
    (r'^encoder\.layer\.(\d+)\.layer_scale(\d)\.lambda1$', r'blocks.\1.ls\2.gamma'),
    (r'^encoder\.layer\.', 'blocks.'),
]
_MARKS = {  # a tensor that only this layout has
    'mmpretrain': 'layers.0.ln1.weight',
    'Hugging Face': 'encoder.layer.0.norm1.weight',
    'official or timm': 'blocks.0.norm1.weight',
}


def _strip(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Drop wrapper prefixes, and what stands beside a prefixed backbone (heads)."""
    for prefix in _PREFIXES:
        inner = {key[len(prefix) :]: value for key, value in state.items() if key.startswith(prefix)}
        if inner and not any(mark in state for mark in _MARKS.values()):
            return _strip(inner)
    return state


def _rename(state: dict[str, Tensor], rules: list[tuple[str, str]]) -> dict[str, Tensor]:
    renamed = {}
    for key, value in state.items():
        for pattern, replacement in rules:
            key, hits = re.subn(pattern, replacement, key)
            if hits:
                break
        renamed[key] = value
    return renamed


def _join_qkv(state: dict[str, Tensor]) -> dict[str, Tensor]:
    joined = {key: value for key, value in state.items() if '.attention.attention.' not in key}
    for key in state:
        if '.attention.attention.query.' in key:
            parts = [state[key.replace('.query.', f'.{name}.')] for name in ('query', 'key', 'value')]
            joined[key.replace('.attention.attention.query.', '.attn.qkv.')] = torch.cat(parts)
    return joined


def to_dinov2_names(state: dict[str, Tensor], source: str) -> tuple[dict[str, Tensor], str]:
    """Recognise the layout of a DINOv2 ViT by its names and give it the official ones.

    Args:
        state: Tensors by name.
        source: Name of the file, for messages.

    Returns:
        Tensors under official names (``mask_token`` dropped, nothing here masks RGB), and the name of the layout.

    Raises:
        WeightsError: If it is no ViT in a known layout.
    """
    state = _strip(state)
    layout = next((name for name, mark in _MARKS.items() if mark in state), None)
    if layout is None:
        raise WeightsError(
            f'{source}: fits nothing: neither a DINOv2 ViT in official, mmpretrain, timm or Hugging Face layout nor a '
            f'VD checkpoint (first names: {", ".join(list(state)[:3])})'
        )
    if layout == 'mmpretrain':
        state = _rename(state, _MMPRETRAIN)
    elif layout == 'Hugging Face':
        state = _join_qkv(_rename(state, _HUGGING_FACE))
    return _with_class_position({key: value for key, value in state.items() if key != 'mask_token'}), layout


def _with_class_position(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """With registers timm has the class token's position in the token itself, and no place for it in the table."""
    if 'reg_token' not in state:
        return state
    table = state['pos_embed']
    rest = {key: value for key, value in state.items() if key not in ('reg_token', 'pos_embed')}
    return dict(
        rest, register_tokens=state['reg_token'], pos_embed=torch.cat((torch.zeros_like(table[:, :1]), table), 1)
    )
