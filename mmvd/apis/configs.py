"""The one door for configs: what is wrong with one is told in a line."""

import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.registry import Registry

import mmvd
from mmvd import registry
from mmvd.datasets.archives import is_file
from mmvd.datasets.rasters import shown
from mmvd.errors import DISK_FULL, ConfigError, MMVDError

_CONFIGS = ('.py', '.yml', '.yaml', '.json')


def shipped_configs() -> Path:
    """The folder of the shipped configs: in the installed package, or in the checkout."""
    package = Path(mmvd.__file__).parent
    installed = package / '.mim' / 'configs'
    return installed if installed.is_dir() else package.parent / 'configs'


def data_folder() -> Path:
    """The folder below which datasets lie: MMVD_DATA, or ``data``."""
    return Path(os.path.expanduser(os.environ.get('MMVD_DATA') or 'data'))


def _reason(error: Exception) -> str:
    """The error in one line; of a chain of builders the last, which names the class at fault."""
    return f'{type(error).__name__}: {" ".join(str(error).split())}'


def read_config(path: str | Path) -> Config:
    """Read a config file, also a pure Python one (mmengine's ``read_base``).

    Returns:
        The config; classes that stand in it as types are named.

    Raises:
        ConfigError: If there is no such file, it or one of its bases cannot be read, or it is empty.
    """
    path = Path(path)
    if not is_file(path):
        raise ConfigError(f'{shown(path)}: no such config file')
    if path.suffix not in _CONFIGS:
        raise ConfigError(
            f'{shown(path)}: no config file ({", ".join(_CONFIGS)}): weights stand behind their config, a packed model '
            'is named by its folder'
        )
    try:
        with _folders_to_paste(), _without_notes():
            config = Config.fromfile(path)
    except Exception as error:  # a config is a program: whatever it raises is the fault of this file or of a base
        raise ConfigError(f'{path}: this config cannot be read ({_reason(error)})') from error
    if not config:
        raise ConfigError(f'{path}: an empty config')
    _name_types(config.values())
    return config


def _name_types(nodes: Iterable) -> None:
    """Of a pure Python config, classes that stand as types become names: of mmvd's registries, or paths to others.

    Checks compare names.
    """
    for node in nodes:
        if isinstance(node, dict):
            if isinstance(node.get('type'), type):
                node['type'] = _name_of(node['type'])
            _name_types(node.values())
        elif isinstance(node, (list, tuple)):
            _name_types(node)


def _name_of(kind: type) -> str:
    registries = (each for each in vars(registry).values() if isinstance(each, Registry))
    is_ours = any(each.module_dict.get(kind.__name__) is kind for each in registries)
    return f'mmvd.{kind.__name__}' if is_ours else f'{kind.__module__}.{kind.__qualname__}'


@contextmanager
def _folders_to_paste() -> Iterator[None]:
    """MMVD_DATA and MMVD_WEIGHTS as mmengine can paste them between quotation marks; empty ones are as if not set.

    A ``~`` is the home folder, as in a shell. Names without quotation marks, backslashes and line breaks are pasted as
    they are. Of others, a config that reads the environment itself sees what is pasted.
    """
    given = {name: os.environ.pop(name) for name in ('MMVD_DATA', 'MMVD_WEIGHTS') if name in os.environ}
    given = {name: folder for name, folder in given.items() if folder}
    for name, folder in given.items():
        in_python = repr(f'"{os.path.expanduser(folder)}')[2:-1].replace('"', r'\x22')
        os.environ[name] = in_python.replace('\\', r'\\')  # mmengine pastes by a regular expression
    try:
        yield
    finally:
        os.environ.update(given)


@contextmanager
def _without_notes() -> Iterator[None]:
    """Without what is told of MMVD_DATA in every base of a config: hundreds of lines where many configs are read."""

    def is_no_note(record: logging.LogRecord) -> bool:
        return not record.getMessage().startswith('Using env variable')

    logger = MMLogger.get_current_instance()
    logger.addFilter(is_no_note)
    try:
        yield
    finally:
        logger.removeFilter(is_no_note)


def check_has_model(config: Config) -> None:
    """Refuse a config without a model.

    Raises:
        ConfigError: If there is none, or it has no type.
    """
    model = config.get('model')
    if not isinstance(model, dict) or not isinstance(model.get('type'), str):
        raise ConfigError(f'{config.filename or "the config"}: has no model=dict(type=...)')


@contextmanager
def building(what: str) -> Iterator[None]:
    """What builders raise at unknown types and arguments becomes one line.

    Args:
        what: What is built, for the message.

    Raises:
        ConfigError: Instead of what registries and constructors raise.
    """
    try:
        yield
    except MMVDError:
        raise
    except Exception as error:  # a constructor is foreign code: whatever it raises is the fault of its arguments
        if isinstance(error, OSError) and error.errno in DISK_FULL:
            raise
        raise ConfigError(f'{what} cannot be built from this config ({_reason(error)})') from error
