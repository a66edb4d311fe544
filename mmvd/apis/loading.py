"""From a name, a config or a packed folder to a filled model."""

import fnmatch
import os
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.registry import DefaultScope

from mmvd.datasets.archives import is_file
from mmvd.errors import ConfigError
from mmvd.models.completers import DepthCompleter
from mmvd.models.weights import fit_checkpoint, load_checkpoint
from mmvd.registry import MODELS

from .config_schema import check_kinds
from .configs import building, check_has_model, read_config, shipped_configs
from .devices import find_device
from .model import VDModel
from .packing import CARD, SHIPPED, is_pack, open_pack


def list_models(pattern: str = '*') -> list[str]:
    """Names of the shipped configs, as :func:`load_model` and the inferencers take them.

    Args:
        pattern: Shell pattern of the names, e.g. ``'vd/*'`` (depth completion), ``'seg/*rooms*'`` or ``'*nyuv2*'``.
    """
    root = shipped_configs()
    names = (path.relative_to(root).with_suffix('').as_posix() for path in root.glob('[!_]*/**/*.py'))
    return sorted(name for name in names if fnmatch.fnmatchcase(name, pattern))


def find_config(config_or_name: str | Path | Config) -> Config:
    """Config from a path, from a name like ``vd/pretrain_dinov2_pde`` or ``pretrain_dinov2_pde``, or as it is.

    Raises:
        ConfigError: If there is no such config, or it cannot be read.
    """
    if isinstance(config_or_name, Config):
        return config_or_name
    if not isinstance(config_or_name, (str, Path)):
        raise ConfigError(f'a model is named by a text, a path or a config, got {config_or_name!r}')
    if is_file(config_or_name):
        return read_config(config_or_name)
    name = str(config_or_name)
    found = [] if name.endswith('.py') else [each for each in list_models() if f'/{each}'.endswith(f'/{name}')]
    if len(found) > 1:
        raise ConfigError(f'{name}: several configs have this name: say {", ".join(found)}')
    if not found and os.path.isdir(name):
        raise ConfigError(f'{name}: no such packed model: this folder lacks {CARD}')
    if not found:
        raise ConfigError(
            f'{name}: no such config file or packed model, and no such name among {", ".join(list_models("vd/*"))} '
            'and the others of mmvd.list_models()'
        )
    return read_config(shipped_configs() / f'{found[0]}.py')


def open_model(
    config_or_name: str | Path | Config | None = None, checkpoint: str | Path | None = None
) -> tuple[Config, str | Path | None]:
    """Config and checkpoint of a model; a packed folder holds both, and None means the one inside the package.

    Raises:
        ConfigError: If there is no such config, or a checkpoint is given beside a packed folder.
        WeightsError: If the packed folder is damaged.
    """
    if config_or_name is None:
        if checkpoint is not None:
            raise ConfigError(f'{checkpoint}: a checkpoint needs its config: name it, too')
        config_or_name = SHIPPED
    if not isinstance(config_or_name, Config) and is_pack(config_or_name):
        if checkpoint is not None:
            raise ConfigError(f'{config_or_name}: a packed model brings its weights, leave {checkpoint} out')
        return open_pack(config_or_name)
    config = find_config(config_or_name)
    return config, config.get('load_from') if checkpoint is None else checkpoint


def load_model(
    config_or_name: str | Path | Config | None = None,
    checkpoint: str | Path | None = None,
    device: str | torch.device | None = None,
) -> VDModel:
    """Build a depth completer and fill it.

    Args:
        config_or_name: Config file, its name, a config, or a folder that ``tools/model_converters/pack.py`` made. None:
            the small model that comes with the package, see docs/guides/model.md.
        checkpoint: Checkpoint of the whole model. None: that of the folder, the checkpoint (``load_from``) or the RGB
            weights that the config names; a config that names neither asks for a random model.
        device: Where the model runs; an accelerator if there is one, by default.

    Raises:
        ConfigError: If there is no such config, or it is none of depth completion.
        WeightsError: If weights are missing, unsafe or do not fit.
    """
    place = find_device(device)
    config, checkpoint = open_model(config_or_name, checkpoint)
    model = build_filled(config, checkpoint)
    if not isinstance(model, DepthCompleter) or model.backbone.depth_encoding is None or not model.backbone.reads_depth:
        raise ConfigError(
            f'{config.filename or "the config"}: load_model serves mmvd.DepthCompleter on metric depth; for other '
            'tasks take RGBDSegInferencer, RGBDClassificationInferencer or RGBDPoseInferencer of mmvd.apis, or '
            'init_detector of mmdet.apis'
        )
    return VDModel(model, place)


def build_filled(config: Config, checkpoint: str | Path | None) -> torch.nn.Module:
    """Build the model of a config and fill it from a checkpoint, or with the weights that the config names.

    The model gets ``dataset_meta``, what the checkpoint knows of its training data, as in OpenMMLab.

    Raises:
        ConfigError: If the config has no model or one that cannot be built.
        WeightsError: If weights are missing, unsafe or do not fit.
    """
    check_has_model(config)
    check_kinds(config)
    with building('the model'), DefaultScope.overwrite_default_scope(config.get('default_scope')):
        model = MODELS.build(config.model)
    if not hasattr(model, 'backbone'):
        raise ConfigError(f'{config.filename or "the config"}: {config.model.type} has no backbone')
    model.dataset_meta = {}
    if checkpoint is None:
        start = model.backbone.init_cfg
        held = start.get('checkpoint') if isinstance(start, dict) else None
        MMLogger.get_current_instance().warning(
            f'{config.filename or "the config"}: opened without a checkpoint: '
            f'what {f"{held} does not hold" if held else "the model predicts"} is random'
        )
        if start:
            # not the whole model: mmengine would print a paragraph for each of its parameters
            model.backbone.init_weights()
        return model
    content = load_checkpoint(checkpoint)
    fit_checkpoint(content, model, str(checkpoint))
    model.load_state_dict(content['state_dict'])
    model.dataset_meta = content.get('meta', {}).get('dataset_meta') or {}
    return model
