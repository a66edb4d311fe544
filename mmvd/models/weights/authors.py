"""The layout of the authors' released checkpoints, to and from ours (facts 5.2, 5.8).

Their fusion names its inputs (rgb, depth) and is called with (depth, RGB) tokens: their ``se_rgb`` gates depth.
"""

import re

from torch import Tensor

from mmvd.errors import WeightsError

_ENCODER = 'encoder.'
_PAIRS = [  # beginnings of names, theirs and ours; # is a digit; encoder files lack the leading ``encoder.``
    ('encoder.color_encoder.', 'backbone.rgb_stream.'),
    ('encoder.depth_encoder.fusion_layers.#.se_rgb.fc.0.', 'backbone.fusions.#.gate_depth.squeeze.'),
    ('encoder.depth_encoder.fusion_layers.#.se_rgb.fc.2.', 'backbone.fusions.#.gate_depth.excite.'),
    ('encoder.depth_encoder.fusion_layers.#.se_depth.fc.0.', 'backbone.fusions.#.gate_rgb.squeeze.'),
    ('encoder.depth_encoder.fusion_layers.#.se_depth.fc.2.', 'backbone.fusions.#.gate_rgb.excite.'),
    ('encoder.depth_encoder.', 'backbone.depth_stream.'),
    ('decoder.decoder_block.#.conv1.0.', 'head.blocks.#.convs.0.conv.'),
    ('decoder.decoder_block.#.conv1.1.', 'head.blocks.#.convs.0.bn.'),
    ('decoder.decoder_block.#.conv2.0.', 'head.blocks.#.convs.1.conv.'),
    ('decoder.decoder_block.#.conv2.1.', 'head.blocks.#.convs.1.bn.'),
    ('depth_estimator.#.0.', 'head.vectors.#.'),
]
_UNREAD = ('mask_token',)  # nothing here masks tokens
_OF_TIMM = ('rgb_stream.vit.', 'depth_stream.vit.')


def is_authors(state: dict[str, Tensor]) -> bool:
    """Whether a file has the names of the authors' code."""
    return any(key.removeprefix(_ENCODER).startswith('color_encoder.') for key in state)


def from_authors(state: dict[str, Tensor], source: str) -> dict[str, Tensor]:
    """Tensors of the authors' whole model or encoder under our names; gates become linear layers.

    Raises:
        WeightsError: If a tensor has no place here.
    """
    if not any(key.startswith(_ENCODER) for key in state):
        state = {f'{_ENCODER}{key}': value for key, value in state.items()}
    state = {key: value for key, value in state.items() if not key.endswith(_UNREAD)}
    renamed = {_rename(key, _PAIRS, source): value for key, value in state.items()}
    return {key: value[:, :, 0, 0] if _is_gate(key) and value.ndim == 4 else value for key, value in renamed.items()}


def to_authors(state: dict[str, Tensor], source: str) -> dict[str, Tensor]:
    """Our tensors under the authors' names; gates become convolutions of one pixel.

    Raises:
        WeightsError: If a tensor has no place there, e.g. the projected skips of the shipped recipe's decoder, or the
            streams are ViTs of timm.
    """
    odd = next((key for key in state if key.removeprefix('backbone.').startswith(_OF_TIMM)), None)
    if odd:
        raise WeightsError(f'{source}: {odd} is of a ViT of timm: their layout has names for ViTs of DINOv2 alone')
    shaped = {
        key: value[:, :, None, None] if _is_gate(key) and value.ndim == 2 else value for key, value in state.items()
    }
    return {_rename(key, [pair[::-1] for pair in _PAIRS], source): value for key, value in shaped.items()}


def _is_gate(key: str) -> bool:
    return '.fusions.' in key and key.endswith('.weight')


def _rename(key: str, pairs: list[tuple[str, str]], source: str) -> str:
    for old, new in pairs:
        pattern = '^' + re.escape(old).replace(r'\#', r'(\d)')
        renamed, hits = re.subn(pattern, new.replace('#', r'\1'), key)
        if hits:
            return renamed
    raise WeightsError(f'{source}: {key} has no place in the other layout')
