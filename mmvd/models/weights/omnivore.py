"""Weights into :class:`mmvd.OmnivoreSwin3D`: the official release, or a checkpoint of ours."""

import re
from pathlib import Path

from torch import Tensor, nn

from .files import check_encoding, load_checkpoint, load_fully, tensors_of

_OFFICIAL_MARK = 'layers.0.blocks.0.norm1.weight'
_RULES = [
    (r'^layers\.(\d+)\.blocks\.', lambda found: f'swin.features.{2 * int(found[1])}.'),
    (r'^layers\.(\d+)\.downsample\.', lambda found: f'swin.features.{2 * int(found[1]) + 1}.'),
    (r'^depth_patch_embed\.', 'depth_embed.'),
    (r'^(patch_embed|norm)\.', r'swin.\1.'),
]
_LAYERS = {'.mlp.fc1.': '.mlp.0.', '.mlp.fc2.': '.mlp.3.'}


def to_single_frames(state: dict[str, Tensor], window_size: int) -> dict[str, Tensor]:
    """The official trunk under torchvision's names, its windows one frame deep; tables of indices are left out.

    Of the relative positions of several frames an image uses those of no distance in time, the middle of each table.
    """
    renamed, per_frame = {}, (2 * window_size - 1) ** 2
    for key, value in state.items():
        for pattern, replacement in _RULES:
            key = re.sub(pattern, replacement, key)
        for theirs, ours in _LAYERS.items():
            key = key.replace(theirs, ours)
        if key.endswith('relative_position_bias_table') and len(value) % (2 * per_frame) == per_frame:
            value = value.unflatten(0, (-1, per_frame))[len(value) // per_frame // 2]
        if not key.endswith('relative_position_index'):
            renamed[key] = value
    return renamed


def load_omnivore_weights(encoder: nn.Module, path: str | Path) -> str:
    """Load a file into the encoder; every tensor must fit.

    Args:
        encoder: The backbone.
        path: The official file, a dict of ``trunk`` and ``heads``, e.g. ``omnivore_swinB_imagenet21k``; or a checkpoint
            of ours.

    Returns:
        One line that says what was loaded.

    Raises:
        WeightsError: If the file is missing, unsafe, or does not fit.
    """
    content = load_checkpoint(path)
    state, layout = tensors_of(content, path), 'checkpoint of mmvd'
    for prefix in ('backbone.', 'trunk.'):
        inner = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
        state = inner or state
    if _OFFICIAL_MARK in state:
        state, layout = to_single_frames(state, encoder.window_size), 'official layout of Omnivore'
    else:
        check_encoding(encoder, content, str(path))
    own = encoder.state_dict()
    indices = {key: value for key, value in own.items() if key.endswith('relative_position_index')}
    if not encoder.reads_depth:
        state = {key: value for key, value in state.items() if not key.startswith('depth_embed.')}
    load_fully(encoder, {**state, **indices}, f'{path}: Omnivore')
    return f'{path}: {layout}, {len(state)} tensors into the encoder'
