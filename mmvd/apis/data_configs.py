"""Datasets that a config names: known ones, with arguments and transforms that fit, before anything reads them."""

import inspect
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmvd.datasets.nesting import datasets_in, steps_in
from mmvd.datasets.transforms import RGBDRandomFlip
from mmvd.errors import ConfigError
from mmvd.registry import DATASETS, TRANSFORMS, find

from .config_schema import check_kinds, override
from .configs import building, read_config

LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
_HOSTS = ('mmcv', 'mmdet', 'mmpretrain', 'mmseg')
_UNTRACED = (  # of the hosts; others leave a trace, by which mmvd.PackRGBDInputs finds them
    'CachedMixUp', 'CachedMosaic', 'CopyPaste', 'MixUp', 'Mosaic', 'RandomAffine', 'RandomMosaic', 'RandomResizedCrop',
    'RandomShift', 'Rotate', 'Shear', 'Translate',
)  # fmt: skip
_OF_TORCHVISION = (  # which sees the image alone
    'AugMix', 'AutoAugment', 'CenterCrop', 'ElasticTransform', 'FiveCrop', 'RandAugment', 'RandomAffine', 'RandomCrop',
    'RandomHorizontalFlip', 'RandomPerspective', 'RandomResizedCrop', 'RandomRotation', 'RandomVerticalFlip', 'TenCrop',
    'TrivialAugmentWide',
)  # fmt: skip


def read_data_config(path: str | Path, loaders: tuple[str, ...] = LOADERS, options: dict | None = None) -> Config:
    """Read a config whose datasets are about to be read.

    Args:
        path: Config file.
        loaders: Keys of the loaders whose datasets will be read.
        options: Values of ``--cfg-options``.

    Raises:
        ConfigError: If it cannot be read, a shared key has a value of another kind, or see :func:`check_datasets`.
    """
    config = read_config(path)
    override(config, options or {})
    check_kinds(config)
    check_datasets(config, loaders)
    return config


def check_datasets(config: Config, loaders: tuple[str, ...]) -> None:
    """Refuse datasets that are not known, or whose arguments do not fit.

    Raises:
        ConfigError: If there is one; names the loader.
    """
    init_default_scope(config.get('default_scope') or 'mmengine')
    for loader, node in _nodes(config, loaders):
        kind = node.get('type')
        found = find(DATASETS, kind) if isinstance(kind, str) and kind else None
        if not found:
            raise ConfigError(f'{loader}: there is no dataset {kind!r} (types of mmvd begin with "mmvd.")')
        _check_arguments(loader, found, node)


def check_pipelines(config: Config, loaders: tuple[str, ...]) -> None:
    """Refuse transforms that cannot be built, or that leave depth behind: the workers would find out later, or never.

    Raises:
        ConfigError: If there is one; names the loader.
    """
    init_default_scope(config.get('default_scope') or 'mmengine')
    for loader, node in _nodes(config, loaders):
        steps = [step for each in datasets_in(node) for step in steps_in(each.get('pipeline'))]
        with_depth = any(isinstance(step, dict) and str(step.get('type')).endswith('LoadDepth') for step in steps)
        built = []
        for step in node.get('pipeline') or ():
            with building(f'{loader}: the transform {dict(step).get("type")}'):
                built.append(TRANSFORMS.build(step))
        if with_depth:
            # mmpretrain wraps those of torchvision, which may have others within them
            _check_hosts_steps(loader, list(steps_in(getattr(step, 't', step) for step in steps_in(built))))


def _check_hosts_steps(loader: str, steps: Sequence[object]) -> None:
    """Refuse transforms of a host that leave depth behind, and nothing by which that is found later."""
    has_our_flip = any(isinstance(step, RGBDRandomFlip) for step in steps)
    for step in steps:
        host, name = type(step).__module__.split('.')[0], type(step).__name__
        if _leaves_depth(step, host, name):
            raise ConfigError(f'{loader}: {host}.{name} moves or mixes the image and not its depth: leave it out')
        if host in _HOSTS and name == 'RandomFlip' and has_our_flip:
            raise ConfigError(f"{loader}: mmvd.RGBDRandomFlip hides what {host}'s RandomFlip did: leave the host's out")


def _leaves_depth(step: object, host: str, name: str) -> bool:
    if host == 'torchvision':
        return name in _OF_TORCHVISION
    fills = name == 'RandomCrop' and (np.any(getattr(step, 'padding', None)) or getattr(step, 'pad_if_needed', False))
    kinds = {kind.__name__ for kind in type(step).__mro__}
    return host in _HOSTS and bool(fills or kinds & set(_UNTRACED))  # what is filled up may have the input's size


def _nodes(config: Config, loaders: tuple[str, ...]) -> Iterator[tuple[str, dict]]:
    for loader in loaders:
        for node in datasets_in((config.get(loader) or {}).get('dataset')):
            yield loader, node


def _check_arguments(loader: str, kind: Callable, node: dict) -> None:
    """A class says in its ``__init__`` what it takes, whatever its ``__new__`` passes on."""
    parameters = list(inspect.signature(kind.__init__ if isinstance(kind, type) else kind).parameters.values())
    parameters = parameters[1:] if isinstance(kind, type) else parameters  # without self
    named = {each.name: each for each in parameters if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)}
    open_ended = any(each.kind is each.VAR_KEYWORD for each in parameters)
    unknown = () if open_ended else set(node) - set(named) - {'type', '_scope_'}
    if unknown:
        raise ConfigError(f'{loader}: {kind.__name__} has no argument {", ".join(sorted(map(str, unknown)))}')
    lacking = [name for name, each in named.items() if each.default is each.empty and name not in node]
    if lacking:
        raise ConfigError(f'{loader}: {kind.__name__} needs the argument {", ".join(lacking)}')
