"""One message about everything that is missing, seconds after the start."""

from collections.abc import Iterator
from dataclasses import replace
from inspect import signature
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.registry import OPTIMIZERS

from mmvd.datasets.nesting import datasets_in
from mmvd.errors import ConfigError, Missing, MissingInputsError
from mmvd.registry import DATASETS, METRICS, MODELS, find

from .data_configs import check_datasets, check_pipelines
from .missing_data import missing_data, recipe_of

_WEIGHTS = 'weights'
_CONSTRUCTOR = 'DefaultOptimWrapperConstructor'
_RULES = (  # that mmengine's constructor reads
    'custom_keys', 'bias_lr_mult', 'bias_decay_mult', 'norm_decay_mult', 'dwconv_decay_mult', 'dcn_offset_lr_mult',
    'flat_decay_mult', 'bypass_duplicate',
)  # fmt: skip
_FROZEN = {'mmvd.VDViT': 'rgb', 'mmvd.OmnivoreSwin3D': 'all'}  # our encoders, and what they freeze by default


def missing_inputs(config: Config, training: bool) -> list[Missing]:
    """What of datasets and weights a config names and is not in place.

    Args:
        config: The config.
        training: Whether it is about to train (else to test).
    """
    missing = list(_missing_weights(config, training))
    for loader in ('train_dataloader', 'val_dataloader') if training else ('test_dataloader',):
        if config.get(loader):
            missing += missing_data(config[loader]['dataset'])
    missing += (replace(each, needed_by='evaluation') for each in _missing_of_metrics(config, training))
    return list(dict.fromkeys(missing))


def check_inputs(config: Config, training: bool) -> None:
    """Look for every dataset and every weights file that a config names.

    Args:
        config: The config.
        training: Whether it is about to train (else to test).

    Raises:
        MissingInputsError: If something is missing; lists what was looked for, where, and what to run or pass instead.
        ConfigError: If classes of data and model differ in number, an encoder would be random without being asked for
            by name, or sliding windows of one image would be brought into range by different factors.
    """
    loaders = ('train_dataloader', 'val_dataloader') if training else ('test_dataloader',)
    check_datasets(config, loaders)
    check_pipelines(config, loaders)
    _check_optimizer(config)
    _check_classes(config, loaders)
    _check_frozen(config, training)
    _check_windows(config)
    missing = missing_inputs(config, training)
    if not missing:
        return
    lines = [f'{Path(config.filename).name} needs what is not in place:', *(f'  {each}' for each in missing)]
    remedies = [f'  {each}' for each in _remedies(config, training, missing)]
    raise MissingInputsError('\n'.join([*lines, *(['What to do:', *remedies] if remedies else [])]))


def _remedies(config: Config, training: bool, missing: list[Missing]) -> Iterator[str]:
    weights = [each for each in missing if each.needed_by == _WEIGHTS]
    if len(weights) < len(missing):
        yield 'put datasets below the folder MMVD_DATA (default: data) in the layouts of docs/guides'
    if not training:
        return
    if len(weights) < len(missing) and _is_mixture(config):
        yield 'train on some of the datasets:  --cfg-options train_dataloader.dataset.only=nyuv2,scannet'
    if weights:
        yield 'put weights below the folder MMVD_WEIGHTS (default: weights)'
        yield 'name a weights file yourself:   --cfg-options model.backbone.init_cfg.checkpoint=PATH'
        yield 'a random encoder, on purpose:   --cfg-options model.backbone.init_cfg.type=Random'
        yield "a checkpoint to start from (the second stage needs the first one's last): --cfg-options load_from=PATH"
    yield 'without any data or weights:    make pretrain   (a small model on built-in rooms)'


def _check_optimizer(config: Config) -> None:
    wrapper = config.get('optim_wrapper') or {}
    optimizer = wrapper.get('optimizer', {}).get('type')
    if isinstance(optimizer, str) and OPTIMIZERS.get(optimizer) is None:
        raise ConfigError(f'optim_wrapper.optimizer: there is no optimizer {optimizer!r}')
    rules = wrapper.get('paramwise_cfg') or {}
    if wrapper.get('constructor', _CONSTRUCTOR) != _CONSTRUCTOR:  # which reads what it likes
        return
    kind = OPTIMIZERS.get(optimizer) if isinstance(optimizer, str) else optimizer
    of_a_key = ('lr_mult', 'decay_mult', *(list(signature(kind).parameters)[1:] if kind else ()))  # of its group
    entries = {f'.custom_keys.{name}': entry for name, entry in (rules.get('custom_keys') or {}).items()}
    for where, given, known in (('', rules, _RULES), *((name, entry, of_a_key) for name, entry in entries.items())):
        unknown = sorted(set(given or ()) - set(known))
        if unknown:
            raise ConfigError(
                f'optim_wrapper.paramwise_cfg{where}: has no {", ".join(unknown)}, it takes {", ".join(known)}'
            )


def warn_of_idle_rules(config: Config, model: torch.nn.Module) -> None:
    """Tell of rates and decays of one's own that belong to no parameter: a name may be misspelt."""
    wrapper = config.get('optim_wrapper') or {}
    rules = wrapper.get('paramwise_cfg') or {} if wrapper.get('constructor', _CONSTRUCTOR) == _CONSTRUCTOR else {}
    names = [f'.{name}' for name, _ in model.named_parameters()]  # as mmengine puts them together
    idle = [key for key in rules.get('custom_keys') or () if not any(key in name for name in names)]
    if idle:
        MMLogger.get_current_instance().warning(
            f'optim_wrapper.paramwise_cfg.custom_keys: no parameter has {", ".join(idle)} in its name'
        )


def _missing_weights(config: Config, training: bool) -> Iterator[Missing]:
    if config.get('load_from') and not Path(config.load_from).is_file():
        yield Missing(config.load_from, 'no such checkpoint', recipe_of(config.load_from), _WEIGHTS)
    if not training or config.get('resume'):
        return  # a checkpoint brings every tensor; nothing else is read
    for part in (config.model.get('backbone', {}), config.model):
        init = part.get('init_cfg')
        name = init.get('checkpoint') if isinstance(init, dict) and init.get('type') == 'Pretrained' else None
        is_elsewhere = part is config.model and '://' in str(name)  # of a host's model zoo
        if name and not is_elsewhere and not Path(name).is_file():
            yield Missing(name, made_by=recipe_of(name), needed_by=_WEIGHTS)


def _is_mixture(config: Config) -> bool:
    return config.get('train_dataloader', {}).get('dataset', {}).get('type') == 'mmvd.EvenMixture'


def _check_frozen(config: Config, training: bool) -> None:
    """The encoder of a downstream task must come from somewhere.

    In pretraining, a config without weights asks for random RGB.
    """
    backbone = config.model.get('backbone', {})
    frozen = backbone.get('frozen', _FROZEN.get(backbone.get('type')))
    downstream = backbone.get('type') in _FROZEN and (frozen == 'all' or _head_of(config) is not None)
    named = (backbone.get('init_cfg') or {}).get('type') in ('Pretrained', 'Random')
    if training and downstream and not (named or config.get('load_from')):
        raise ConfigError(
            'model.backbone has no weights: name a file with model.backbone.init_cfg.checkpoint=PATH, or ask for a '
            'random one with '
            "model.backbone.init_cfg=dict(type='Random')"
        )


def _head_of(config: Config) -> dict | None:
    """Settings of the head of a downstream task: mmseg's, mmdet's or mmpretrain's."""
    named = (config.model.get(name) for name in ('decode_head', 'panoptic_head', 'head'))
    return next((head for head in named if head and ('num_classes' in head or 'num_things_classes' in head)), None)


def check_channels(config: Config, model: torch.nn.Module) -> None:
    """The head must read as many channels as the encoder gives.

    Raises:
        ConfigError: If it does not; names the value to set.
    """
    name = next(
        (name for name in ('decode_head', 'panoptic_head', 'head') if 'in_channels' in (config.model.get(name) or {})),
        None,
    )
    given = getattr(getattr(model, 'backbone', None), 'out_channels', None)
    if name is None or given is None or config.model.get('neck'):
        return
    asked = config.model[name]['in_channels']
    is_row = isinstance(asked, (list, tuple))
    wanted = list(given) if isinstance(given, tuple) else [given] * len(asked) if is_row else given
    if (list(asked) if is_row else asked) != wanted:
        raise ConfigError(
            f'model.{name}.in_channels={asked}, but the encoder gives {given} channels with these settings: set it to '
            f'{wanted}'
        )


def _check_windows(config: Config) -> None:
    """One image, one factor of its depth, also where mmseg cuts it into windows."""
    _check_modes(config.model)
    backbone = config.model.get('backbone', {})
    encoding, rescales = backbone.get('depth_encoding', {}), backbone.get('over_range', 'rescale') == 'rescale'
    given = (config.model.get('data_preprocessor') or {}).get('max_depth')
    if given and not rescales:
        raise ConfigError(
            "model.backbone.over_range='drop' and model.data_preprocessor.max_depth, which brings depth into range "
            'before: leave one of them out'
        )
    reads_metres = backbone.get('type') == 'mmvd.VDViT' and backbone.get('out') != 'rgb' and encoding is not None
    windows = (config.model.get('test_cfg') or {}).get('mode', '').startswith('slide')
    if not (windows and reads_metres and rescales):
        return
    has_range = MODELS.get(encoding.get('type', 'mmvd.PositionalDepthEncoding')).bounds_depth
    wanted = encoding.get('max_depth', 15.0)
    if has_range and not (given and given <= wanted):
        raise ConfigError(
            "model.test_cfg.mode='slide' would bring the depth of each window into range by a factor of its own: set "
            f'model.data_preprocessor.max_depth={wanted}'
        )


def _check_modes(model: dict) -> None:
    """What mmseg would say at the first validation."""
    test_cfg = model.get('test_cfg') or {}
    mode = test_cfg.get('mode', 'whole')
    if 'decode_head' not in model:
        return
    if mode not in ('whole', 'slide', 'slide_flip'):  # the last one is that of mmseg's depth estimators
        raise ConfigError(f"model.test_cfg.mode={mode!r}: must be 'whole' or 'slide'")
    lacking = [name for name in ('crop_size', 'stride') if mode != 'whole' and name not in test_cfg]
    if lacking:
        raise ConfigError(f'model.test_cfg.mode={mode!r} needs {" and ".join(lacking)}, (height, width) in pixels')


def _check_classes(config: Config, loaders: tuple[str, ...]) -> None:
    """The head must have as many classes, and weights of classes, as the data."""
    head = _head_of(config) or {}
    counters = ('count_classes',) if 'decode_head' in config.model else ('count_scenes', 'count_objects')
    for loader in filter(config.get, loaders):  # a training without validation has none
        for dataset in datasets_in(config[loader]['dataset']):
            kind = find(DATASETS, dataset['type'])
            count = next((getattr(kind, name) for name in counters if hasattr(kind, name)), None)
            found = count(dataset) if count else None  # None: only the folders tell, see ProbeReportHook
            if found and 'num_classes' in head and head['num_classes'] != found:
                raise ConfigError(
                    f'{loader}: {dataset["type"]} has {found} classes, but the head of the model has '
                    f'num_classes={head["num_classes"]}'
                )
    weights = (head.get('loss_cls') or {}).get('class_weight')
    if weights and 'num_classes' in head and len(weights) != head['num_classes'] + 1:
        raise ConfigError(
            f'model.decode_head.loss_cls.class_weight has {len(weights)} entries, num_classes={head["num_classes"]} '
            f'asks for {head["num_classes"] + 1}: one per class and one for "none of them"'
        )


def _missing_of_metrics(config: Config, training: bool) -> Iterator[Missing]:
    metrics = config.get('val_evaluator' if training else 'test_evaluator') or ()
    for metric in metrics if isinstance(metrics, (list, tuple)) else [metrics]:
        kind = metric.get('type', '')
        missing = getattr(find(METRICS, kind) if isinstance(kind, str) else kind, 'missing', None)
        yield from missing(metric) if missing else ()
