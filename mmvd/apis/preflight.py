"""One message about everything that is missing, seconds after the start."""
from collections.abc import Iterator
from pathlib import Path

from mmengine.config import Config

from mmvd.datasets.even_mixture import selected
from mmvd.errors import ConfigError, MissingInputsError
from mmvd.registry import DATASETS

_PRETRAINED = 'python tools/train.py configs/vd/{0}.py, whose last checkpoint is work_dirs/{0}/epoch_100.pth'
_MADE_BY = {  # weights files by name
    'dinov2_vitb14_pretrain.pth': 'the official DINOv2 release, see "DINOv2 weights" in the README',
    'vd_dinov2_pde.pth': _PRETRAINED.format('pretrain_dinov2_pde') + ': copy it here',
    'vd_scratch_pde.pth': _PRETRAINED.format('pretrain_scratch_pde') + ': copy it here',
    'epoch_100.pth': _PRETRAINED.format('pretrain_dinov2_pde'),
    'epoch_6.pth': 'make pretrain',
    'vits14_imgfocus.safetensors': 'make real-frames',
}


def check_inputs(config: Config, training: bool) -> None:
    """Look for every dataset and every weights file that a config names.

    Args:
        config: The config.
        training: Whether it is about to train (else to test).

    Raises:
        MissingInputsError: If something is missing; lists what was looked for, where, and what to run or pass instead.
        ConfigError: If classes of data and model differ in number, a frozen encoder would be random without being asked for by name, or
            sliding windows of one image would be brought into range by different factors.
    """
    loaders = ('train_dataloader', 'val_dataloader') if training else ('test_dataloader', )
    _check_classes(config, loaders)
    _check_frozen(config, training)
    _check_windows(config)
    missing = [f'  weights {text}' for text in _missing_weights(config, training)]
    for loader in loaders:
        if config.get(loader):
            missing += [f'  dataset {name}: {text}' for name, text in _missing_data(config[loader]['dataset'])]
    if not missing:
        return
    raise MissingInputsError('\n'.join([
        f'{Path(config.filename).name} needs what is not in place:', *dict.fromkeys(missing), 'What to do:',
        '  put datasets below the folder MMVD_DATA (default: data) in the layouts of the README,',
        '  and weights below the folder MMVD_WEIGHTS (default: weights);',
        *(['  train on some of the datasets:  --cfg-options train_dataloader.dataset.only=nyuv2,scannet'] if _is_mixture(config) else []),
        '  name a weights file yourself:   --cfg-options model.backbone.init_cfg.checkpoint=PATH',
        '  a random encoder, on purpose:   --cfg-options model.backbone.init_cfg.type=Random',
        '  name a checkpoint to start from (the second stage needs the first one\'s last): --cfg-options load_from=PATH',
        '  without any data or weights:    make pretrain   (a small model on built-in rooms)']))


def _missing_weights(config: Config, training: bool) -> Iterator[str]:
    if config.get('load_from') and not Path(config.load_from).is_file():
        yield f'{config.load_from} (no such checkpoint){_hint(config.load_from)}'
    if not training or config.get('resume'):
        return  # a checkpoint brings every tensor; nothing else is read
    init = config.model.get('backbone', {}).get('init_cfg') or {}
    if init.get('type') == 'Pretrained' and not Path(init['checkpoint']).is_file():
        yield f'{init["checkpoint"]} (no such file){_hint(init["checkpoint"])}'


def _hint(path: str) -> str:
    made_by = _MADE_BY.get(Path(path).name)
    return f'; made by: {made_by}' if made_by else ''


def _is_mixture(config: Config) -> bool:
    return config.get('train_dataloader', {}).get('dataset', {}).get('type') == 'mmvd.EvenMixture'


def _check_frozen(config: Config, training: bool) -> None:
    """A wholly frozen encoder must come from somewhere; in pretraining, a config without weights asks for random RGB."""
    backbone = config.model.get('backbone', {})
    frozen = backbone.get('type') == 'mmvd.VDViT' and backbone.get('frozen') == 'all'
    if training and frozen and not (backbone.get('init_cfg') or config.get('load_from')):
        raise ConfigError('model.backbone is frozen but has no weights: name a file with model.backbone.init_cfg.checkpoint=PATH, or ask for a '
                          "random one with model.backbone.init_cfg=dict(type='Random')")


def _check_windows(config: Config) -> None:
    """One image, one factor of its depth, also where mmseg cuts it into windows."""
    backbone = config.model.get('backbone', {})
    encoding, rescales = backbone.get('depth_encoding', {}), backbone.get('over_range', 'rescale') == 'rescale'
    reads_metres = backbone.get('type') == 'mmvd.VDViT' and backbone.get('out') != 'rgb' and encoding is not None
    windows = (config.model.get('test_cfg') or {}).get('mode') == 'slide'
    if windows and reads_metres and rescales and not (config.model.get('data_preprocessor') or {}).get('max_depth'):
        raise ConfigError("model.test_cfg.mode='slide' would bring the depth of each window into range by a factor of its own: set "
                          f'model.data_preprocessor.max_depth={encoding.get("max_depth", 15.0)}')


def _check_classes(config: Config, loaders: tuple[str, ...]) -> None:
    """The head must have as many classes as the data."""
    head, counter = config.model.get('decode_head'), 'count_classes'
    if head is None:
        head, counter = config.model.get('head') or {}, 'count_scenes'
    for loader in loaders:
        dataset = (config.get(loader) or {}).get('dataset', {})
        count = getattr(DATASETS.get(dataset.get('type', '')), counter, None)
        found = count(dataset) if count else None  # None: only the folders tell, see ProbeReportHook
        if found and 'num_classes' in head and head['num_classes'] != found:
            raise ConfigError(f'{loader}: {dataset["type"]} has {found} classes, but the head of the model has num_classes={head["num_classes"]}')


def _missing_data(dataset: dict) -> Iterator[tuple[str, str]]:
    parts = dataset.get('datasets')
    if isinstance(parts, dict):
        for name, part in selected(parts, dataset.get('only')).items():
            yield from ((name, text) for _, text in _missing_data(part))
        return
    if parts:
        for part in parts:
            yield from _missing_data(part)
        return
    if 'dataset' in dataset:
        yield from _missing_data(dataset['dataset'])
        return
    missing = getattr(DATASETS.get(dataset['type']), 'missing', None)
    text = missing(dataset) if missing else None
    if text:
        yield dataset['type'], text
