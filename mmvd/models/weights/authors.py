"""The layout of the authors' released checkpoints, to and from ours (facts 5.2, 5.8).

Their fusion names its inputs (rgb, depth) and is called with (depth, RGB) tokens: their ``se_rgb`` gates depth.
"""

import re

from torch import Tensor

from mmvd.errors import WeightsError

_ENCODER = 'encoder.'
_TO_OURS = [  # of whole models; encoder files lack the leading ``encoder.``
    (r'^encoder\.color_encoder\.', 'backbone.rgb_stream.'),
    (r'^encoder\.depth_encoder\.fusion_layers\.(\d)\.se_rgb\.fc\.0\.', r'backbone.fusions.\1.gate_depth.squeeze.'),
    (r'^encoder\.depth_encoder\.fusion_layers\.(\d)\.se_rgb\.fc\.2\.', r'backbone.fusions.\1.gate_depth.excite.'),
    (r'^encoder\.depth_encoder\.fusion_layers\.(\d)\.se_depth\.fc\.0\.', r'backbone.fusions.\1.gate_rgb.squeeze.'),
    (r'^encoder\.depth_encoder\.fusion_layers\.(\d)\.se_depth\.fc\.2\.', r'backbone.fusions.\1.gate_rgb.excite.'),
    (r'^encoder\.depth_encoder\.', 'backbone.depth_stream.'),
    (r'^decoder\.decoder_block\.(\d)\.conv1\.0\.', r'head.blocks.\1.convs.0.conv.'),
    (r'^decoder\.decoder_block\.(\d)\.conv1\.1\.', r'head.blocks.\1.convs.0.bn.'),
    (r'^decoder\.decoder_block\.(\d)\.conv2\.0\.', r'head.blocks.\1.convs.1.conv.'),
    (r'^decoder\.decoder_block\.(\d)\.conv2\.1\.', r'head.blocks.\1.convs.1.bn.'),
    (r'^depth_estimator\.(\d)\.0\.', r'head.vectors.\1.'),
]
_TO_THEIRS = [
    (r'^backbone\.rgb_stream\.', 'encoder.color_encoder.'),
    (r'^backbone\.fusions\.(\d)\.gate_depth\.squeeze\.', r'encoder.depth_encoder.fusion_layers.\1.se_rgb.fc.0.'),
    (r'^backbone\.fusions\.(\d)\.gate_depth\.excite\.', r'encoder.depth_encoder.fusion_layers.\1.se_rgb.fc.2.'),
    (r'^backbone\.fusions\.(\d)\.gate_rgb\.squeeze\.', r'encoder.depth_encoder.fusion_layers.\1.se_depth.fc.0.'),
    (r'^backbone\.fusions\.(\d)\.gate_rgb\.excite\.', r'encoder.depth_encoder.fusion_layers.\1.se_depth.fc.2.'),
    (r'^backbone\.depth_stream\.', 'encoder.depth_encoder.'),
    (r'^head\.blocks\.(\d)\.convs\.0\.conv\.', r'decoder.decoder_block.\1.conv1.0.'),
    (r'^head\.blocks\.(\d)\.convs\.0\.bn\.', r'decoder.decoder_block.\1.conv1.1.'),
    (r'^head\.blocks\.(\d)\.convs\.1\.conv\.', r'decoder.decoder_block.\1.conv2.0.'),
    (r'^head\.blocks\.(\d)\.convs\.1\.bn\.', r'decoder.decoder_block.\1.conv2.1.'),
    (r'^head\.vectors\.(\d)\.', r'depth_estimator.\1.0.'),
]
_UNREAD = ('mask_token',)  # nothing here masks tokens


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
    renamed = {_rename(key, _TO_OURS, source): value for key, value in state.items()}
    return {key: value[:, :, 0, 0] if _is_gate(key) and value.ndim == 4 else value for key, value in renamed.items()}


def to_authors(state: dict[str, Tensor], source: str) -> dict[str, Tensor]:
    """Our tensors under the authors' names; gates become convolutions of one pixel.

    Raises:
        WeightsError: If a tensor has no place there, e.g. the projected skips of the shipped recipe's decoder.
    """
    shaped = {
        key: value[:, :, None, None] if _is_gate(key) and value.ndim == 2 else value for key, value in state.items()
    }
    return {_rename(key, _TO_THEIRS, source): value for key, value in shaped.items()}


def _is_gate(key: str) -> bool:
    return '.fusions.' in key and key.endswith('.weight')


def _rename(key: str, rules: list[tuple[str, str]], source: str) -> str:
    for pattern, replacement in rules:
        renamed, hits = re.subn(pattern, replacement, key)
        if hits:
            return renamed
    raise WeightsError(f'{source}: {key} has no place in the other layout')
