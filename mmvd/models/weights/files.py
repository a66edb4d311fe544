"""The one door for weights files: read without running anything in them, and judged before anything uses them."""

import json
import pickle
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from mmvd.compat import load_checkpoint_file
from mmvd.datasets.archives import is_file
from mmvd.datasets.rasters import shown
from mmvd.errors import WeightsError

ENCODING = 'depth_encoding'  # in the meta of a checkpoint: what the weights were trained with
LEFT_OUT = 'left_out'  # in a checkpoint: dict(part=..., sha256=...), see mmvd.models.weights.adapter
_WRAPPERS = ('state_dict', 'model', 'teacher', 'module', 'trunk')
_OTHERS = ('model_state_dict', 'net')  # of plain loops; may be something else in the files of others
_WRAPPED = 'module.'  # what DataParallel and averages put before each name
_COMPILED = '_orig_mod.'  # what torch.compile puts into names
_COUNT = 'n_averaged'  # beside the weights of torch's averages
_PICKLE_START = b'\x80'
_FETCH = 'fetch it again'
_SUMMED = (torch.float32, torch.bfloat16, torch.float16, torch.complex64, torch.complex128)


def load_checkpoint(path: str | Path) -> dict:
    """Read everything in a ``.safetensors`` or torch file on the CPU; never unpickles code.

    The checksums of a torch file are asked for, which torch itself does not.

    Args:
        path: File.

    Returns:
        The content, ``meta`` always a dict where there is one; of a safetensors file its tensors by name, or, where its
        metadata tell the depth encoding, ``state_dict`` and ``meta``.

    Raises:
        WeightsError: If the file is missing, truncated, damaged, holds more than plain data, or parts of a checkpoint
            that are not what they should be.
    """
    if not isinstance(path, (str, Path)) or not is_file(path):
        raise WeightsError(
            f'{shown(str(path))}: no such weights file (set MMVD_WEIGHTS to the folder that has it, or pass its path)'
        )
    path = Path(path)
    try:
        content = _load_safetensors(path) if _is_safetensors(path) else _load_torch_file(path)
    except pickle.UnpicklingError as error:
        raise _refused(path, error) from error
    except Exception as error:  # damaged bytes lead the readers to errors of a dozen classes
        raise WeightsError(
            f'{path}: not a weights file, or a truncated or damaged one: {_FETCH} ({type(error).__name__})'
        ) from error
    if not isinstance(content, dict):
        raise WeightsError(f'{path}: holds no tensors by name')
    return _with_checked_parts(content, path)


def _is_safetensors(path: Path) -> bool:
    """By content, whatever the name: the length of a header, then the header."""
    with path.open('rb') as file:
        return file.read(9)[8:] == b'{' or path.suffix == '.safetensors'


def _load_safetensors(path: Path) -> dict:
    with safe_open(path, 'pt') as file:
        encoding = (file.metadata() or {}).get(ENCODING)
    tensors = load_file(path)
    return tensors if encoding is None else dict(state_dict=tensors, meta={ENCODING: json.loads(encoding)})


def _load_torch_file(path: Path) -> object:
    """Content of the file; a second thread asks for the checksums of its archive meanwhile."""
    if not zipfile.is_zipfile(path):  # of the old format, which has none
        return load_checkpoint_file(path)
    with ThreadPoolExecutor(1) as pool:
        whole = pool.submit(_check_archive, path)
        try:
            content = load_checkpoint_file(path)
        finally:
            whole.result()  # what is damaged is not called hostile
    return content


def _check_archive(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        damaged = archive.testzip()
    if damaged:
        raise ValueError(f'the checksum of {damaged} is wrong')


def _refused(path: Path, error: pickle.UnpicklingError) -> WeightsError:
    """A whole file that asks for code, or bytes that are no weights file."""
    with path.open('rb') as file:
        is_pickle = file.read(1) == _PICKLE_START
    asks_for_code = 'Unsupported' in str(error) or 'GLOBAL' in str(error)
    if zipfile.is_zipfile(path) or (is_pickle and asks_for_code):
        return WeightsError(
            f'{path}: refused, it holds more than tensors and plain data and could run code when loaded: '
            'save the state dict alone, or as safetensors'
        )
    return WeightsError(f'{path}: not a weights file, or a damaged one: {_FETCH}')


def _with_checked_parts(content: dict, path: Path) -> dict:
    if content.get('meta', {}) is None:
        content['meta'] = {}
    wrappers = [name for name in _WRAPPERS if name in content]  # of several one may be a name or a module's settings
    wrappers = [] if any(isinstance(content[name], dict) for name in wrappers) else wrappers
    for name in ('meta', LEFT_OUT, *wrappers):
        _check_is_dict(content, name, path)
    for name in (ENCODING, 'dataset_meta'):
        if content.get('meta', {}).get(name, {}) is not None:
            _check_is_dict(content.get('meta', {}), name, path)
    left = content.get(LEFT_OUT)
    if left is not None and not all(isinstance(left.get(key), str) for key in ('part', 'sha256')):
        raise WeightsError(f'{path}: its {LEFT_OUT} lacks part or sha256: publish the adapter anew')
    return content


def _check_is_dict(content: dict, name: str, path: Path) -> None:
    if not isinstance(content.get(name, {}), dict):
        raise WeightsError(
            f'{path}: its {name} is {type(content[name]).__name__} where a dict is expected: save it anew'
        )


def tensors_of(content: dict, path: str | Path) -> dict[str, Tensor]:
    """The tensors in what was read from a file: one rule for encoders and whole models.

    They may sit under ``state_dict``, ``model_state_dict``, ``model``, ``net``, ``teacher``, ``module`` or ``trunk``,
    and their names may be those of a model in ``DataParallel``, ``AveragedModel`` or ``torch.compile``.

    Raises:
        WeightsError: If there are none, or one is sparse, without values, or not finite.
    """
    around = []
    while inner := [content[name] for name in (*_WRAPPERS, *_OTHERS) if isinstance(content.get(name), dict)]:
        around.append(content)
        content = inner[0]
        if any(content is each for each in around):
            raise WeightsError(f'{path}: holds itself, where tensors should be: save the state dict alone')
    tensors = {key: value for key, value in content.items() if isinstance(value, Tensor) and isinstance(key, str)}
    if not tensors:
        found = ', '.join(shown(str(key)) for key in list(content)[:5])
        raise WeightsError(
            f'{path}: holds no tensors by name, only {found or "nothing"}: save the state dict, alone or as state_dict'
        )
    tensors = _unwrapped({key.replace(_COMPILED, ''): value for key, value in tensors.items()})
    for key, value in tensors.items():
        _check_values(key, value, path)
    return tensors


def _unwrapped(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    named = [key for key in tensors if key != _COUNT]
    if not named or not all(key.startswith(_WRAPPED) for key in named):
        return tensors
    return _unwrapped({key.removeprefix(_WRAPPED): tensors[key] for key in named})


def _check_values(key: str, value: Tensor, path: str | Path) -> None:
    key = shown(key)
    if value.layout != torch.strided or value.is_meta or value.is_quantized:
        raise WeightsError(f'{path}: {key} is sparse, quantised or without values: save it as a dense tensor')
    if not (value.is_floating_point() or value.is_complex()):
        return
    value = value if value.dtype in _SUMMED else value.to(torch.float32)  # float64 beyond float32 becomes infinite here
    # a sum is finite only if all are: one pass without a copy; of many large values it may overflow, hence the second
    if not torch.isfinite(value.sum()) and not torch.isfinite(value).all():
        raise WeightsError(f'{path}: {key} holds NaN or infinite values: the training that saved it had failed')


def misfit(own: Tensor, found: Tensor) -> str | None:
    """Why a tensor of a file cannot take the place of a model's, or None."""
    if found.shape != own.shape:
        return f'is {tuple(found.shape)}, expected {tuple(own.shape)}'
    if own.is_floating_point() != found.is_floating_point() or own.is_complex() != found.is_complex():
        return f'is {found.dtype}, expected {own.dtype}'
    return None


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
    if not getattr(encoder, 'reads_depth', True):  # RGB alone
        return
    trained, own = checkpoint.get('meta', {}).get(ENCODING), getattr(encoder, 'depth_encoding', None)
    if trained is not None and own is not None and trained != own.constants():
        raise WeightsError(
            f'{source}: was trained with the depth encoding {_brief(trained)}, but the config has '
            f'{_brief(own.constants())}: set model.backbone.depth_encoding as it was in training'
        )


def _brief(constants: dict) -> str:
    rest = ', '.join(f'{key}={value}' for key, value in constants.items() if key != 'type')
    return f'{constants.get("type")}({rest})'


def problems_of(module: nn.Module, state: dict[str, Tensor]) -> list[str]:
    """What of a state dict does not fill a module one to one, each in a few words."""
    own = module.state_dict()
    misfits = {key: misfit(own[key], state[key]) for key in own if key in state}
    found = [f'{key} {why}' for key, why in misfits.items() if why]
    found += [f'{key} is missing' for key in own if key not in state]
    return found + [f'{shown(key)} has no place' for key in state if key not in own]


def check_fills(model: nn.Module, state: dict[str, Tensor], source: str) -> None:
    """Refuse a state dict that does not fill a model one to one.

    Raises:
        WeightsError: If a tensor of the model is missing in it or has another shape or kind of number, or one has no
            place in the model.
    """
    problems = problems_of(model, state)
    if problems:
        more = f' and {len(problems) - 3} more' if len(problems) > 3 else ''
        raise WeightsError(
            f'{source} does not fit the model: {"; ".join(problems[:3])}{more}: check that config and weights belong '
            'together (architecture, its sizes, depth_encoding)'
        )


def load_fully(model: nn.Module, state: dict[str, Tensor], source: str) -> None:
    """Fill a model one to one.

    Raises:
        WeightsError: See :func:`check_fills`.
    """
    check_fills(model, state, source)
    model.load_state_dict(state)
