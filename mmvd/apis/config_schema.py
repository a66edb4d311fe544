"""Kinds of the values that every config of OpenMMLab shares: one table, asked before anything reads them."""

from collections.abc import Callable, Iterable, Iterator
from difflib import get_close_matches
from inspect import signature
from typing import Any

from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.runner import FlexibleRunner, Runner
from torch.nn.utils import clip_grad_norm_, clip_grad_value_

from mmvd.arguments import check_flag, check_int, check_positive
from mmvd.errors import ConfigError

from .configs import building


def _is_dict(owner: str, name: str, value: Any) -> None:
    if not isinstance(value, dict):
        raise ConfigError(f'{owner}: {name} must be dict(...), got {value!r}')


def _is_list(owner: str, name: str, value: Any) -> None:
    if not isinstance(value, (list, tuple)) or not all(isinstance(each, dict) or callable(each) for each in value):
        raise ConfigError(f'{owner}: {name} must be a list of dict(...), got {value!r}')


def _is_dict_or_list(owner: str, name: str, value: Any) -> None:
    (_is_dict if isinstance(value, dict) else _is_list)(owner, name, value)


def _is_text(owner: str, name: str, value: Any) -> None:
    if not isinstance(value, str) or not value:
        raise ConfigError(f'{owner}: {name} must be a text, got {value!r}')


def _is_clipping(owner: str, name: str, value: Any) -> None:
    _is_dict(owner, name, value)
    kinds = dict(norm=clip_grad_norm_, value=clip_grad_value_)
    arguments = {key: each for key, each in value.items() if key != 'type'}
    try:
        signature(kinds[value.get('type', 'norm')]).bind([], **arguments)
    except (KeyError, TypeError) as error:  # else told at the first step
        raise ConfigError(f'{owner}: {name}={dict(value)}: nothing clips so ({error})') from None


def _is_limit(owner: str, name: str, value: Any) -> None:
    if value != float('inf'):  # which logs the norm, and clips nothing
        check_positive(owner, name, value)


def _at_least(least: int) -> Callable:
    return lambda owner, name, value: check_int(owner, name, value, least)


_LOADER = {
    '': _is_dict,
    'dataset': _is_dict,
    'sampler': _is_dict,
    'batch_size': _at_least(1),
    'num_workers': _at_least(0),
}
_MODEL_PARTS = ('backbone', 'head', 'panoptic_head', 'data_preprocessor', 'test_cfg', 'train_cfg')
_NEEDED = ('dataset', 'batch_size', 'num_workers', 'optimizer')  # None stands for nothing only where it may be left out
KINDS: dict[str, Callable] = {
    **{
        f'{mode}_dataloader.{key}'.rstrip('.'): kind
        for mode in ('train', 'val', 'test')
        for key, kind in _LOADER.items()
    },
    **{f'model.{part}': _is_dict for part in _MODEL_PARTS},
    **{f'{mode}_evaluator': _is_dict_or_list for mode in ('val', 'test')},
    **dict.fromkeys(('optim_wrapper', 'train_cfg', 'val_cfg', 'test_cfg', 'default_hooks', 'env_cfg'), _is_dict),
    **dict.fromkeys(('randomness', 'strategy', 'visualizer', 'log_processor'), _is_dict),
    'model': _is_dict,
    'model.decode_head': _is_dict_or_list,  # mmseg's cascades
    'model.backbone.init_cfg': _is_dict,
    'model.backbone.init_cfg.type': _is_text,
    'model.backbone.init_cfg.checkpoint': _is_text,
    'optim_wrapper.optimizer': _is_dict,
    'optim_wrapper.optimizer.lr': check_positive,
    'optim_wrapper.accumulative_counts': _at_least(1),
    'optim_wrapper.clip_grad': _is_clipping,
    'optim_wrapper.clip_grad.max_norm': _is_limit,
    'optim_wrapper.paramwise_cfg': _is_dict,
    'train_cfg.max_epochs': _at_least(1),
    'train_cfg.max_iters': _at_least(1),
    'train_cfg.val_interval': _at_least(1),
    'param_scheduler': _is_dict_or_list,
    'custom_hooks': _is_list,
    'default_scope': _is_text,
    'strategy.type': _is_text,
    'load_from': _is_text,
    'resume': check_flag,
    'global_batch_size': _at_least(1),
}
_SWITCHES = (
    *('runner_type', 'model_wrapper_cfg', 'find_unused_parameters', 'sync_bn', 'efficient_conv_bn_eval'),
    'init_weights_for_test_or_val',
)


def check_options(config: Config, options: Iterable[str]) -> None:
    """Refuse values of ``--cfg-options`` that nothing would read; warn of those of the config's own variables.

    Args:
        config: As its file has it.
        options: Keys to be set (``optim_wrapper.optimizer.lr``).

    Raises:
        ConfigError: If mmengine reads no such key, and the config has none.
    """
    read = {*signature(Runner).parameters, *signature(FlexibleRunner).parameters, *_SWITCHES}
    read.update(path.split('.')[0] for path in KINDS)
    for name in dict.fromkeys(key.split('.')[0] for key in options):
        if name not in read and name not in config:
            near = get_close_matches(name, read, 1)
            hint = f', did you mean {near[0]}?' if near else ''
            raise ConfigError(f'--cfg-options {name}: {config.filename} has no such key, and nothing reads it{hint}')
        if name not in read:
            MMLogger.get_current_instance().warning(
                f'--cfg-options {name}: a variable of the config: where its file used it the old value stands; set '
                'those keys'
            )


def override(config: Config, options: dict) -> None:
    """Apply ``--cfg-options``.

    Raises:
        ConfigError: If mmengine reads no such key, and the config has none, or a value does not go there.
    """
    check_options(config, options)
    with building('--cfg-options: the config'):
        config.merge_from_dict(options)


def check_kinds(config: Config) -> None:
    """Refuse values of another kind than everything after this relies on.

    Raises:
        ConfigError: If there is one; names the key.
    """
    owner = str(config.filename or 'the config')
    for path, check in KINDS.items():
        for value in _values(config, path.split('.')):
            if value is not None or path.split('.')[-1] in _NEEDED:
                check(owner, path, value)
    for mode in ('train', 'val', 'test'):
        loader = config.get(f'{mode}_dataloader')
        if loader:
            if 'dataset' not in loader:
                raise ConfigError(f'{owner}: {mode}_dataloader has no dataset=dict(...)')
            _check_dataset(owner, f'{mode}_dataloader.dataset', loader['dataset'])


def _values(node: Any, path: list[str]) -> Iterator[Any]:
    """The value at a path, if there is one."""
    if not path:
        yield node
    elif isinstance(node, (dict, Config)) and path[0] in node:
        yield from _values(node[path[0]], path[1:])


def _check_dataset(owner: str, name: str, node: Any) -> None:
    """A dataset and those within it."""
    _is_dict(owner, name, node)
    if node.get('pipeline') is not None:
        _is_list(owner, f'{name}.pipeline', node['pipeline'])
    if 'dataset' in node:
        _check_dataset(owner, f'{name}.dataset', node['dataset'])
    parts = node.get('datasets')
    if parts is not None:
        if not isinstance(parts, (dict, list, tuple)) or not parts:
            raise ConfigError(f'{owner}: {name}.datasets must hold datasets, got {parts!r}')
        for key, part in parts.items() if isinstance(parts, dict) else enumerate(parts):
            _check_dataset(owner, f'{name}.datasets.{key}', part)
