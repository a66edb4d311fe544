"""Every shipped config parses and builds, and the recipe says what the paper says."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from mmvd.datasets.sample_key import KeyedIndex
from mmvd.registry import DATASETS, MODELS, TRANSFORMS
from tests.conftest import ROOT

CONFIGS = sorted(path for path in (ROOT / 'configs').rglob('*.py') if '_base_' not in path.parts)
PRETRAINING = [path for path in CONFIGS if path.parent.name == 'vd']


def named(path: Path) -> str:
    """Name of a config as users call it, which is the id of its tests."""
    return path.relative_to(ROOT / 'configs').with_suffix('').as_posix().replace('/', '-')


@pytest.fixture(params=PRETRAINING, ids=lambda path: path.stem)
def config(request) -> Config:
    return Config.fromfile(request.param)


@pytest.fixture(params=CONFIGS, ids=named)
def any_config(request) -> Config:
    return Config.fromfile(request.param)


def pipelines(node) -> list:
    """All lists of transforms in a config."""
    found = []
    if isinstance(node, dict):
        for key, value in node.items():
            if key in ('pipeline', 'transforms') and isinstance(value, (list, tuple)):
                found.append(value)
            found += pipelines(value)
    elif isinstance(node, (list, tuple)):
        for value in node:
            found += pipelines(value)
    return found


def test_model_builds(any_config):
    with torch.device('meta'):
        model = MODELS.build(any_config.model)
    assert any(p.requires_grad for p in model.parameters())


def test_every_transform_exists(any_config):
    assert pipelines(any_config._cfg_dict)
    for pipeline in pipelines(any_config._cfg_dict):
        for transform in pipeline:
            assert transform['type'] == 'Compose' or TRANSFORMS.get(transform['type']), transform


def test_validation_data_build(config):
    rooms = config.val_dataloader.dataset.dataset
    if rooms.type != 'mmvd.SyntheticRooms':
        pytest.skip('reads files that may not be here')
    rooms.update(length=2, size=(28, 28))
    data = DATASETS.build(config.val_dataloader.dataset)
    sample = data[KeyedIndex(1, 0, 0)]
    assert sample['inputs'].shape[-2:] == sample['depth'].shape[-2:]


def test_the_papers_recipe_says_what_the_paper_says():
    config = Config.fromfile(ROOT / 'configs/vd/pretrain_dinov2_pde.py')
    encoding, data = config.model.backbone.depth_encoding, config.train_dataloader
    assert (encoding.num_channels, encoding.max_depth, config.model.backbone.frozen) == (32, 15.0, 'rgb')
    assert (data.batch_size, data.dataset.samples_per_epoch, config.train_cfg.max_epochs) == (128, 20000, 100)
    assert config.optim_wrapper.optimizer == dict(type='Adam', lr=1e-5) and len(data.dataset.datasets) == 9
    crop = [t.size for p in pipelines(data) for t in p if 'Crop' in t.type]
    assert crop == [224]
    stage2 = Config.fromfile(ROOT / 'configs/vd/pretrain_dinov2_pde_448.py')
    crop = [t.size for p in pipelines(stage2.train_dataloader) for t in p if 'Crop' in t.type]
    assert crop == [448] and stage2.load_from.endswith('epoch_100.pth')
    for name, first in SECOND_STAGES.items():  # the same model as in the first stage
        stage1, stage2 = (Config.fromfile(ROOT / f'configs/vd/{each}.py') for each in (first, f'pretrain_{name}_448'))
        stage1.model.backbone.init_cfg = None
        assert stage1.model == stage2.model and stage2.load_from == f'work_dirs/{Path(first).name}/epoch_100.pth'
    tiny = Config.fromfile(ROOT / 'configs/vd/pretrain_tiny_pde_rooms.py')
    assert tiny.model.backbone.frozen == 'none' and tiny.model.backbone.init_cfg is None


SECOND_STAGES = dict(
    dinov2_pde='pretrain_dinov2_pde',
    dinov2_norm='ablation/dinov2_norm_5_15m',
    dinov2_p3de='ablation/dinov2_p3de32_fix_15m',
    eva02_pde='pretrain_eva02_pde',
)


def test_configs_are_short():
    for path in CONFIGS:
        assert len(Path(path).read_text().splitlines()) <= 80, path
