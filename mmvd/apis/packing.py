"""A model in one folder that opens anywhere: weights as safetensors, the whole config, provenance and checksum."""

import hashlib
import json
import os
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path

from mmengine.config import Config
from safetensors.torch import save
from torch import nn

from mmvd.compat import inspect_versions
from mmvd.datasets.archives import is_file
from mmvd.errors import ConfigError, WeightsError
from mmvd.models.weights import ENCODING
from mmvd.saving import AtomicLocalBackend
from mmvd.version import __version__

SHIPPED = Path(__file__).parents[1] / 'shipped'  # the model that comes with the package
CARD, CONFIG, WEIGHTS = 'mmvd_model.json', 'config.json', 'model.safetensors'
_FORMAT = 2  # 1 had no marks in the config
_TUPLE, _PAIRS = '__tuple__', '__pairs__'
OF_TRAINING = (  # keys of a config that only training reads
    'train_dataloader', 'val_dataloader', 'train_cfg', 'val_cfg', 'val_evaluator', 'optim_wrapper', 'param_scheduler',
)  # fmt: skip
_NOT_PACKED = (*OF_TRAINING, 'load_from', 'resume', 'work_dir', 'launcher', 'custom_hooks', 'visualizer')


def pack(model: nn.Module, config: Config, folder: str | Path, source: str, overwrite: bool = False) -> dict:
    """Write a folder that :func:`mmvd.load_model` and the inferencers open.

    Args:
        model: The filled model.
        config: Its config; what only training needs is left out.
        folder: Where it goes.
        source: Name of the checkpoint, for the card.
        overwrite: Whether the three files of a packed model may be replaced where they are.

    Returns:
        The card: what was packed, of what, by which versions, and the SHA-256 of the weights.

    Raises:
        ConfigError: If one of its files is there already.
        SavingError: If the folder cannot be written.
    """
    folder = Path(folder)
    there = [name for name in (CARD, CONFIG, WEIGHTS) if (folder / name).exists()]
    if there and not overwrite:
        raise ConfigError(
            f'{folder}: there is {", ".join(there)} already, of a packed model or of something else: choose another '
            'folder, or say --overwrite'
        )
    encoding = getattr(getattr(model, 'backbone', None), 'depth_encoding', None)
    constants = {} if encoding is None else {ENCODING: encoding.constants()}
    weights = save(
        {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()},
        metadata={name: json.dumps(value) for name, value in constants.items()},
    )
    meta = dict(getattr(model, 'dataset_meta', None) or {})
    card = dict(
        format=_FORMAT,
        model=config.model.type,
        parameters=sum(value.numel() for value in model.parameters()),
        sha256={WEIGHTS: hashlib.sha256(weights).hexdigest()},
        source=source,
        dataset_meta={name: meta[name] for name in ('classes', 'scenes', 'palette', 'obj_ids') if name in meta},
        mmvd=__version__,
        versions=inspect_versions(),
        packed=datetime.now(timezone.utc).isoformat(timespec='seconds'),
        **constants,
    )
    text = _without_training(config)
    card['sha256'][CONFIG] = hashlib.sha256(text).hexdigest()
    _put_all(folder, {WEIGHTS: weights, CONFIG: text, CARD: json.dumps(card, indent=1).encode()})
    return card


def _put_all(folder: Path, contents: dict[str, bytes]) -> None:
    """A model that is there is replaced when all of the new one is written; the card last."""
    aside = {name: folder / f'.{name}.new' for name in contents}
    try:
        for name, path in aside.items():
            AtomicLocalBackend().put(contents[name], path)
        for name, path in aside.items():
            os.replace(path, folder / name)
    finally:
        for path in aside.values():
            with suppress(OSError):
                path.unlink()


def _without_training(config: Config) -> bytes:
    given = config.to_dict()
    kept = {name: value for name, value in given.items() if name not in _NOT_PACKED}
    if not kept.get('test_dataloader') and given.get('val_dataloader'):  # whose pipeline says how images come in
        kept['test_dataloader'] = given['val_dataloader']
    for part in filter(lambda each: isinstance(each, dict), kept['model'].values()):
        part.pop('init_cfg', None)  # nothing is fetched: the weights are here
    return json.dumps(_marked(kept), indent=1, default=str).encode()


def _marked(node: object) -> object:
    """With what JSON would change under a name of its own: tuples, and keys that are no text."""
    if isinstance(node, dict) and not all(isinstance(key, str) for key in node):
        return {_PAIRS: [[_marked(each) for each in pair] for pair in node.items()]}
    if isinstance(node, dict):
        return {key: _marked(value) for key, value in node.items()}
    marked = [_marked(each) for each in node] if isinstance(node, (list, tuple)) else node
    return {_TUPLE: marked} if isinstance(node, tuple) else marked


def _unmarked(node: object) -> object:
    """What :func:`_marked` was given."""
    if isinstance(node, list):
        return [_unmarked(each) for each in node]
    if not isinstance(node, dict):
        return node
    if set(node) == {_TUPLE}:
        return tuple(_unmarked(node[_TUPLE]))
    if set(node) == {_PAIRS}:
        return dict(_unmarked(node[_PAIRS]))
    return {key: _unmarked(value) for key, value in node.items()}


def is_pack(folder: str | Path) -> bool:
    """Whether a folder holds a packed model."""
    return isinstance(folder, (str, Path)) and is_file(Path(folder) / CARD)


def open_pack(folder: str | Path) -> tuple[Config, Path]:
    """Config and weights file of a packed model, both checked against the card.

    Raises:
        WeightsError: If a file is missing or not the one that was packed.
    """
    folder = Path(folder)
    card = read_card(folder)
    for name, wanted in card['sha256'].items():
        path = folder / name
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != wanted:
            raise WeightsError(f'{path}: missing, or not the file that was packed (SHA-256 {wanted}): fetch it again')
    settings = _unmarked(_read_json(folder / CONFIG))
    is_config = isinstance(settings, dict) and isinstance(settings.get('model'), dict)
    if not is_config or set(settings) & {'filename', 'text', 'pretty_text'}:
        raise WeightsError(f'{folder / CONFIG}: holds no config of a model: pack the model again')
    config = Config(settings, filename=str(folder / CONFIG))
    config.dataset_meta = card['dataset_meta']
    return config, folder / WEIGHTS


def _read_json(path: Path) -> dict:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise WeightsError(f'{path}: damaged ({type(error).__name__}): pack the model again') from error
    if not isinstance(content, dict):
        raise WeightsError(f'{path}: damaged (a {type(content).__name__}): pack the model again')
    return content


def read_card(folder: str | Path) -> dict:
    """The card of a packed model.

    Raises:
        WeightsError: If it is damaged, or of a later format.
    """
    path = Path(folder) / CARD
    card = _read_json(path)
    sums, meta = card.get('sha256'), card.get('dataset_meta')
    if not isinstance(sums, dict) or set(sums) != {WEIGHTS, CONFIG} or not isinstance(meta, dict):
        raise WeightsError(f'{path}: damaged (sha256 or dataset_meta): pack the model again')
    if type(card.get('format')) is not int or not 1 <= card['format'] <= _FORMAT:
        raise WeightsError(f'{path}: of another format than this version of mmvd reads: update mmvd, or pack again')
    return card
