"""One message about everything that is missing, seconds after the start."""
from collections.abc import Iterator
from pathlib import Path

from mmengine.config import Config

from mmvd.datasets.even_mixture import selected
from mmvd.errors import MissingInputsError
from mmvd.registry import DATASETS

_DINOV2 = 'see "DINOv2 weights" in the README'


def check_inputs(config: Config, training: bool) -> None:
    """Look for every dataset and every weights file that a config names.

    Args:
        config: The config.
        training: Whether it is about to train (else to test).

    Raises:
        MissingInputsError: If something is missing; lists what was looked for, where, and what to run or pass instead.
    """
    missing = [f'  weights {text}' for text in _missing_weights(config, training)]
    loaders = ('train_dataloader', 'val_dataloader') if training else ('test_dataloader', )
    for loader in loaders:
        if config.get(loader):
            missing += [f'  dataset {name}: {text}' for name, text in _missing_data(config[loader]['dataset'])]
    if not missing:
        return
    raise MissingInputsError('\n'.join([
        f'{Path(config.filename).name} needs what is not in place:', *missing, 'What to do:',
        '  put datasets below the folder MMVD_DATA (default: data) in the layouts of the README, "The nine datasets",',
        f'  and weights below the folder MMVD_WEIGHTS (default: weights), {_DINOV2};',
        '  train on some of the datasets:  --cfg-options train_dataloader.dataset.only=nyuv2,scannet',
        '  name a weights file yourself:   --cfg-options model.backbone.init_cfg.checkpoint=PATH',
        '  name a checkpoint to start from (the second stage needs the first one\'s last): --cfg-options load_from=PATH',
        '  without any data or weights:    make pretrain   (a small model on built-in rooms)']))


def _missing_weights(config: Config, training: bool) -> Iterator[str]:
    if config.get('load_from') and not Path(config.load_from).is_file():
        yield f'{config.load_from} (no such checkpoint)'
    if not training or config.get('resume'):
        return  # a checkpoint brings every tensor; nothing else is read
    init = config.model.get('backbone', {}).get('init_cfg') or {}
    if init.get('type') == 'Pretrained' and not Path(init['checkpoint']).is_file():
        yield f'{init["checkpoint"]} (no such file)'


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
