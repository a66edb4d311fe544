"""Reading weights files without running anything in them."""

import pickle
import zipfile
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from mmvd.compat import load_checkpoint_file
from mmvd.errors import WeightsError

ENCODING = 'depth_encoding'  # in the meta of a checkpoint: what the weights were trained with
_WRAPPERS = ('state_dict', 'model', 'teacher')


def load_checkpoint(path: str | Path) -> dict:
    """Read everything in a ``.safetensors`` or torch file on the CPU; never unpickles code.

    Args:
        path: File.

    Returns:
        The content; of a safetensors file its tensors by name.

    Raises:
        WeightsError: If the file is missing, truncated or holds more than plain data.
    """
    path = Path(path)
    if not path.is_file():
        raise WeightsError(
            f'{path}: no such weights file (set MMVD_WEIGHTS to the folder that has it, or pass its path)'
        )
    try:
        content = load_file(path) if path.suffix == '.safetensors' else load_checkpoint_file(path)
    except pickle.UnpicklingError as error:
        if not zipfile.is_zipfile(path) or zipfile.ZipFile(path).testzip():
            raise WeightsError(f'{path}: not a weights file, or a damaged one: fetch it again') from error
        raise WeightsError(
            f'{path}: refused, it holds more than tensors and plain data and could run code when loaded: '
            'save the state dict alone, or as safetensors'
        ) from error
    except (SafetensorError, RuntimeError, EOFError, ValueError, KeyError, OSError) as error:
        raise WeightsError(
            f'{path}: not a weights file, or a truncated one: fetch it again ({type(error).__name__})'
        ) from error
    if not isinstance(content, dict):
        raise WeightsError(f'{path}: holds no tensors by name')
    return content


def check_encoding(encoder: nn.Module, checkpoint: dict, source: str) -> None:
    """Refuse weights that were trained with another depth encoding.

    The shapes may fit, the channels would mean something else.

    Args:
        encoder: The backbone.
        checkpoint: What was loaded; ``mmvd.StrictLoadHook`` wrote the encoding into its meta. Without it nothing is
            checked.
        source: Name of the file, for messages.

    Raises:
        WeightsError: If the encodings differ.
    """
    trained, own = checkpoint.get('meta', {}).get(ENCODING), getattr(encoder, 'depth_encoding', None)
    if trained is not None and own is not None and trained != own.constants():
        raise WeightsError(
            f'{source}: was trained with the depth encoding {_brief(trained)}, but the config has '
            f'{_brief(own.constants())}: '
            'set model.backbone.depth_encoding as it was in training'
        )


def _brief(constants: dict) -> str:
    return f'{constants["type"]}({", ".join(f"{key}={value}" for key, value in constants.items() if key != "type")})'


def check_fills(model: nn.Module, state: dict[str, Tensor], source: str) -> None:
    """Refuse a state dict that leaves tensors of a model as they are.

    Raises:
        WeightsError: If a tensor of the model is missing in it or has another shape.
    """
    own = model.state_dict()
    wrong = [key for key, value in own.items() if key not in state or state[key].shape != value.shape]
    if wrong:
        raise WeightsError(
            f'{source}: does not fit the model, {len(wrong)} of {len(own)} tensors are missing or of another shape, '
            'first '
            f'{wrong[0]}: check that config and checkpoint belong together'
        )


def tensors_of(content: dict, path: str | Path) -> dict[str, Tensor]:
    """The tensors in what was read from a file, where they may sit under ``state_dict``, ``model`` or ``teacher``.

    Raises:
        WeightsError: If there are none.
    """
    for name in _WRAPPERS:
        if isinstance(content.get(name), dict):
            content = content[name]
    tensors = {key: value for key, value in content.items() if isinstance(value, Tensor)}
    if not tensors:
        raise WeightsError(f'{path}: holds no tensors')
    return tensors
