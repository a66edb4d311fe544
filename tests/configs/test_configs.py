"""Every shipped config: parses, builds, keeps depth with its image, and takes one real step at a small size."""
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from mmvd.datasets.sample_key import KeyedIndex
from mmvd.registry import DATASETS, MODELS, TRANSFORMS
from tests.conftest import ROOT, raw_batch

CONFIGS = sorted(path for path in (ROOT / 'configs').rglob('*.py') if '_base_' not in path.parts)
# Transforms of the hosts that move the image on the pixel grid; none of them moves depth as it must be moved.
HOST_GEOMETRY = ('Resize', 'RandomResize', 'RandomCrop', 'RandomFlip', 'RandomRotate', 'Rotate', 'CenterCrop', 'RandomResizedCrop', 'Pad',
                 'RandomAffine', 'ResizeEdge', 'RandomErasing', 'TestTimeAug', 'ResizeToMultiple', 'RandomChoiceResize', 'ResizeShortestEdge',
                 'Mosaic', 'RandomMosaic', 'EfficientNetRandomCrop', 'EfficientNetCenterCrop', 'AutoAugment', 'RandAugment')


PRETRAINING = [path for path in CONFIGS if path.parent.name == 'vd']


@pytest.fixture(params=PRETRAINING, ids=lambda path: path.stem)
def config(request) -> Config:
    return Config.fromfile(request.param)


@pytest.fixture(params=CONFIGS, ids=lambda path: f'{path.parent.name}-{path.stem}')
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


def misaligning(pipeline) -> list[str]:
    """Names of host transforms that would move the image and leave depth where it was."""
    return [t['type'] for t in pipeline if not t['type'].startswith('mmvd.') and t['type'].rsplit('.')[-1] in HOST_GEOMETRY]


def test_model_builds(any_config):
    with torch.device('meta'):
        model = MODELS.build(any_config.model)
    assert any(p.requires_grad for p in model.parameters())


def test_no_host_transform_moves_the_image_alone(any_config):
    config = any_config
    assert pipelines(config._cfg_dict)
    for pipeline in pipelines(config._cfg_dict):
        assert misaligning(pipeline) == []
        for transform in pipeline:
            assert transform['type'] == 'Compose' or TRANSFORMS.get(transform['type']), transform


def test_the_check_would_catch_one():
    assert misaligned_labels([dict(type='mmvd.LoadLabels'), dict(type='mmvd.RGBDResize')]) is False
    assert misaligned_labels([dict(type='mmvd.RGBDRandomCrop'), dict(type='mmvd.LoadLabels')]) is True
    assert misaligning([dict(type='mmvd.LoadDepth'), dict(type='mmseg.RandomRotate'), dict(type='Resize')]) == ['mmseg.RandomRotate', 'Resize']


def misaligned_labels(pipeline) -> bool:
    """Whether labels come after a crop, flip or rotation; after a resize they may: evaluation is at original resolution."""
    names = [t['type'] for t in pipeline]
    after = names[:names.index('mmvd.LoadLabels')] if 'mmvd.LoadLabels' in names else []
    return any('Crop' in name or 'Flip' in name or 'Rotate' in name for name in after)


def test_labels_move_with_the_image(any_config):
    for loader in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        for pipeline in pipelines(any_config.get(loader) or {}):
            assert not misaligned_labels(pipeline)
            names = [t['type'] for t in pipeline]
            if loader == 'train_dataloader' and 'mmvd.LoadLabels' in names:  # in training every geometry must see the labels
                assert not any(name.startswith('mmvd.RGBD') for name in names[:names.index('mmvd.LoadLabels')])


def test_validation_data_build(config):
    rooms = config.val_dataloader.dataset.dataset
    if rooms.type != 'mmvd.SyntheticRooms':
        pytest.skip('reads files that may not be here')
    rooms.update(length=2, size=(28, 28))
    data = DATASETS.build(config.val_dataloader.dataset)
    sample = data[KeyedIndex(1, 0, 0)]
    assert sample['inputs'].shape[-2:] == sample['depth'].shape[-2:]


def shrink(model: dict) -> dict:
    """Only size, depth, width and counts change; no type does."""
    model.backbone.update(arch=dict(embed_dims=32, depth=4, num_heads=2), img_size=56, init_cfg=None)
    model.head.update(in_channels=32, channels=(16, 12, 8, 8))
    return model


def test_one_real_step(config):
    model = MODELS.build(shrink(config.model)).train()
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=1e-3)
    losses = model(**model.data_preprocessor(raw_batch(2, 64, 64), True), mode='loss')
    total, _ = model.parse_losses(losses)
    total.backward()
    assert torch.isfinite(total)
    for name, parameter in model.named_parameters():
        assert (parameter.grad is not None) == parameter.requires_grad, name
    optimizer.step()


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
    tiny = Config.fromfile(ROOT / 'configs/vd/pretrain_tiny_pde_rooms.py')
    assert tiny.model.backbone.frozen == 'none' and tiny.model.backbone.init_cfg is None


def test_configs_are_short():
    for path in CONFIGS:
        assert len(Path(path).read_text().splitlines()) <= 80, path
