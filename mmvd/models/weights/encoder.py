"""Weights into :class:`mmvd.VDViT`: RGB-only files start both streams, VD checkpoints fill everything."""

from collections.abc import Callable
from pathlib import Path

from mmengine.logging import MMLogger
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmvd.errors import ConfigError, WeightsError

from .adapter import BACKBONE, RGB
from .authors import from_authors, is_authors
from .files import LEFT_OUT, check_encoding, load_checkpoint, load_fully, tensors_of


def load_encoder_weights(encoder: nn.Module, path: str | Path) -> str:
    """Load a file into the encoder; every tensor must fit.

    A file of an RGB ViT goes into the RGB stream and, but for the weight of the patch embedding, into the depth stream
    too (facts of the authors' code; the paper says that both streams start from it).

    Args:
        encoder: The backbone.
        path: Weights file.

    Returns:
        One line that says what was loaded.

    Raises:
        WeightsError: If the file is missing, unsafe, or does not fit.
    """
    content = load_checkpoint(path)
    if LEFT_OUT in content:
        raise WeightsError(
            f'{path}: leaves out {content[LEFT_OUT]["part"].rstrip(".")} and cannot fill an encoder: name the full '
            'checkpoint, or give this one as load_from beside the weights it was trained with'
        )
    state, theirs = tensors_of(content, path), ''
    if is_authors(state):
        whole = from_authors(state, str(path))
        state, theirs = {k: v for k, v in whole.items() if k.startswith(BACKBONE)}, " (authors' layout)"
    prefix = next((p for p in ('', BACKBONE) if any(key.startswith(p + RGB) for key in state)), None)
    if prefix is not None:
        check_encoding(encoder, content, str(path))
        own = {key[len(prefix) :]: value for key, value in state.items() if key.startswith(prefix)}
        return _load_vd(encoder, own, path) + theirs
    if encoder.frozen == 'all' and encoder.depth_stream is not None:
        raise WeightsError(
            f'{path}: holds an RGB ViT alone, and the depth stream of a wholly frozen encoder would stay random: name '
            'a VD '
            "checkpoint, or take out='rgb'"
        )
    renamed, layout = encoder.rgb_stream.own_names(state, str(path))
    load_fully(encoder.rgb_stream, renamed, f'{path}: RGB stream')
    report = f'{path}: {layout} layout, {len(renamed)} tensors into the RGB stream'
    if encoder.depth_stream is not None:
        stream, patches = encoder.depth_stream, encoder.depth_stream.patch_weight
        shared = {key: value for key, value in renamed.items() if key != patches}
        load_fully(stream, {**shared, patches: stream.get_parameter(patches)}, f'{path}: depth stream')
        report += f', {len(shared)} into the depth stream; its patch embedding and the fusions start at random'
    return report


def _load_vd(encoder: nn.Module, state: dict[str, Tensor], path: str | Path) -> str:
    if encoder.depth_stream is None:
        state = {key: value for key, value in state.items() if key.startswith(RGB)}
    elif len(encoder.fusions) == 3:  # no output of this encoder reads the fourth
        state = {key: value for key, value in state.items() if not key.startswith('fusions.3.')}
    load_fully(encoder, state, f'{path}: VD encoder')
    return f'{path}: VD checkpoint, {len(state)} tensors into the encoder'


def init_encoder(encoder: BaseModule, load: Callable[[BaseModule, str], str]) -> None:
    """What the ``init_cfg`` of an encoder asks for: weights, a random start by name, or what mmengine makes of it.

    Args:
        encoder: A module of mmengine.
        load: Loads a file into it and says what was loaded.

    Raises:
        ConfigError: If a file is asked for without its name, or beside other steps.
        WeightsError: If the file is missing, unsafe or does not fit.
    """
    steps = encoder.init_cfg if isinstance(encoder.init_cfg, list) else [encoder.init_cfg or {}]
    kinds = [step.get('type') for step in steps]
    if len(steps) > 1 and {'Pretrained', 'Random'} & set(kinds):
        raise ConfigError(f'init_cfg of {type(encoder).__name__}: Pretrained and Random stand alone, got {kinds}')
    start = steps[0] if steps else {}
    if start.get('type') == 'Pretrained':
        if 'checkpoint' not in start:
            raise ConfigError(f'init_cfg of {type(encoder).__name__}: Pretrained needs a checkpoint')
        MMLogger.get_current_instance().info(load(encoder, start['checkpoint']))
        encoder._is_init = True
    elif start.get('type') != 'Random':
        BaseModule.init_weights(encoder)
