"""Checkpoints without a frozen part: the hash of what was left out is kept, and asked for when it is put back."""

import hashlib

import torch
from torch import Tensor, nn

from mmvd.errors import WeightsError

from .files import LEFT_OUT, check_encoding, check_fills, tensors_of

RGB, BACKBONE = 'rgb_stream.', 'backbone.'  # parts that can be left out: the RGB stream, or the whole frozen encoder


def part_hash(state: dict[str, Tensor], part: str = RGB) -> str:
    """SHA-256 over names, shapes, types and values of a part's tensors, wherever they sit in a state dict."""
    digest = hashlib.sha256()
    for key in sorted(key for key in state if part in key):
        value = state[key].detach().cpu().contiguous()
        digest.update(f'{key[key.index(part) :]} {tuple(value.shape)} {value.dtype}'.encode())
        digest.update(value.view(torch.uint8).numpy().tobytes() if value.ndim else value.numpy().tobytes())
    return digest.hexdigest()


def leave_out(checkpoint: dict, part: str = RGB) -> dict:
    """The checkpoint without a part of its weights, and with the part's hash; everything else stays.

    Args:
        checkpoint: A checkpoint with ``state_dict``.
        part: ``RGB`` or ``BACKBONE``.

    Returns:
        A shallow copy with a smaller ``state_dict`` and the key ``left_out``.

    Raises:
        WeightsError: If there is no such part in it.
    """
    state = checkpoint['state_dict']
    kept = type(state)((key, value) for key, value in state.items() if part not in key)
    if len(kept) == len(state):
        raise WeightsError(f'the checkpoint has no {part.rstrip(".")} to leave out')
    return {**checkpoint, 'state_dict': kept, LEFT_OUT: dict(part=part, sha256=part_hash(state, part))}


def fit_checkpoint(checkpoint: dict, model: nn.Module, source: str) -> None:
    """Bring a checkpoint, in place, to where ``load_state_dict`` fills the whole model, or refuse it.

    Args:
        checkpoint: What was loaded.
        model: A model, mostly with a ``backbone``.
        source: Name of the checkpoint, for messages.

    Raises:
        WeightsError: If a tensor of the model is missing in the checkpoint or has another shape, the depth encoding is
            another, or :func:`attach` refuses.
    """
    checkpoint['state_dict'] = tensors_of(checkpoint, source)
    attach(checkpoint, model, source)
    check_encoding(getattr(model, 'backbone', None), checkpoint, source)
    check_fills(model, checkpoint['state_dict'], source)


def attach(checkpoint: dict, model: nn.Module, source: str) -> None:
    """Put the model's own weights back where a part was left out, in place; does nothing to a full checkpoint.

    Args:
        checkpoint: What was loaded.
        model: A model with a ``backbone`` that is filled, or can be by its ``init_weights``.
        source: Name of the checkpoint, for messages.

    Raises:
        WeightsError: If the model's part is not the one the checkpoint was trained with; names both hashes.
    """
    if LEFT_OUT not in checkpoint:
        return
    part, wanted = checkpoint[LEFT_OUT]['part'], checkpoint[LEFT_OUT]['sha256']
    if part not in (RGB, BACKBONE):
        raise WeightsError(f'{source}: leaves out {part!r}, which is no part of a model here: publish it anew')
    if part_hash(model.state_dict(), part) != wanted:
        model.backbone.init_weights()  # testing does not call it
    own = model.state_dict()
    found = part_hash(own, part)
    if found != wanted:
        raise WeightsError(
            f'{source}: was trained beside a {part.rstrip(".")} with SHA-256 {wanted}, but the config brings {found}: '
            'name the weights it was trained with in model.backbone.init_cfg.checkpoint'
        )
    checkpoint['state_dict'].update({key: value for key, value in own.items() if part in key})
