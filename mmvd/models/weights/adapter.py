"""Checkpoints without the frozen RGB stream: the hash of what was left out is kept, and asked for when it is put back."""
import hashlib

import torch
from torch import Tensor, nn

from mmvd.errors import WeightsError

HASH_KEY = 'rgb_sha256'
_RGB = 'rgb_stream.'


def rgb_hash(state: dict[str, Tensor]) -> str:
    """SHA-256 over names, shapes, types and values of the RGB stream's tensors, wherever they sit in a state dict."""
    digest = hashlib.sha256()
    for key in sorted(key for key in state if _RGB in key):
        value = state[key].detach().cpu().contiguous()
        digest.update(f'{key[key.index(_RGB):]} {tuple(value.shape)} {value.dtype}'.encode())
        digest.update(value.view(torch.uint8).numpy().tobytes() if value.ndim else value.numpy().tobytes())
    return digest.hexdigest()


def strip_rgb(checkpoint: dict) -> dict:
    """The checkpoint with model weights only, without the RGB stream, and with its hash.

    Args:
        checkpoint: A checkpoint with ``state_dict``, and maybe optimizer and the rest of a run.

    Returns:
        ``state_dict`` without the RGB stream, ``meta``, and ``rgb_sha256``.

    Raises:
        WeightsError: If there is no RGB stream in it.
    """
    state = checkpoint['state_dict']
    if not any(_RGB in key for key in state):
        raise WeightsError('the checkpoint has no RGB stream to leave out')
    adapter = {key: value for key, value in state.items() if _RGB not in key}
    return {'state_dict': adapter, 'meta': checkpoint.get('meta', {}), HASH_KEY: rgb_hash(state)}


def attach_rgb(checkpoint: dict, model: nn.Module, source: str) -> None:
    """Put the model's own RGB weights into an adapter-only checkpoint, in place; does nothing to a full one.

    Args:
        checkpoint: What was loaded.
        model: A model with a ``backbone`` whose RGB stream is filled, or can be by its ``init_weights``.
        source: Name of the checkpoint, for messages.

    Raises:
        WeightsError: If the RGB weights are not those the adapter was trained with; names both hashes.
    """
    wanted = checkpoint.get(HASH_KEY)
    if wanted is None:
        return
    if rgb_hash(model.state_dict()) != wanted:
        model.backbone.init_weights()  # testing does not call it
    own = model.state_dict()
    found = rgb_hash(own)
    if found != wanted:
        raise WeightsError(f'{source}: an adapter trained beside RGB weights with SHA-256 {wanted}, but the config brings {found}: name the '
                           'RGB weights it was trained with in model.backbone.init_cfg.checkpoint')
    checkpoint['state_dict'].update({key: value for key, value in own.items() if _RGB in key})
