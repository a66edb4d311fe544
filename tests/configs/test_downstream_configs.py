"""Shipped downstream configs take one real step at a small size, and say what the paper says."""

import pytest
import torch
from mmengine.config import Config

from mmvd.registry import DATASETS, MODELS
from tests.conftest import ROOT

SETS = dict(sunrgbd=(37, 20), nyuv2=(40, 20), cityscapes=(19, 20), ade20k=(150, 30), cocostuff=(171, 30))
OMNIVORE = (256, 512, 1024, 1024)
FORMS = {  # encoder columns of Tables 3 and 4: out, channels, weights
    'vd': ('rgb+fused', 1536, 'vd_dinov2_pde.pth'),
    'rgb': ('rgb', 768, 'dinov2_vitb14_pretrain.pth'),
    'vdscratch': ('rgb+fused', 1536, 'vd_scratch_pde.pth'),
    'vdscratch_rgb': ('rgb', 768, 'vd_scratch_pde.pth'),
    'vdnorm': ('rgb+fused', 1536, 'vd_dinov2_norm.pth'),
    'eva02_vd': ('rgb+fused', 1536, 'vd_eva02_pde.pth'),
    'eva02_rgb': ('rgb', 768, 'eva02_B_pt_in21k_p14.pt'),
    'omnivore': ('fused', OMNIVORE, 'swinB_In21k_checkpoint.torch'),
    'omnivore_rgb': ('rgb', OMNIVORE, 'swinB_In21k_checkpoint.torch'),
}


def load(name: str) -> Config:
    return Config.fromfile(ROOT / f'configs/{name}.py')


@pytest.mark.parametrize('form', FORMS)
@pytest.mark.parametrize('dataset', SETS)
def test_segmentation_recipe_of_the_paper(dataset, form):
    config, (classes, thousands) = load(f'seg/m2f_{form}_{dataset}'), SETS[dataset]
    head, backbone = config.model.decode_head, config.model.backbone
    assert head.num_classes == classes == len(head.loss_cls.class_weight) - 1
    assert DATASETS.get(config.train_dataloader.dataset.type).count_classes(config.train_dataloader.dataset) == classes
    (decay,) = config.param_scheduler
    by_batches = decay.get('convert_to_iter_based') and decay.get('by_epoch', True)  # of whatever batch
    assert by_batches and decay.end == config.train_cfg.max_epochs
    steps = (
        config.train_cfg.max_epochs
        * config.train_dataloader.sampler.samples_per_epoch
        // config.train_dataloader.batch_size
    )
    assert steps == 1000 * thousands and config.train_dataloader.batch_size == 16
    crop = next(t for t in config.train_dataloader.dataset.pipeline if 'Crop' in t.type)
    side, patch = (512, 32) if 'omnivore' in form else (518, 14)  # A.6
    assert tuple(crop.size) == (side, side) == tuple(config.model.data_preprocessor.size) and side % patch == 0
    resize = next(t for t in config.test_dataloader.dataset.pipeline if 'Resize' in t.type)
    assert (resize.size, resize.divisor) == (side, patch)
    out, channels, weights = FORMS[form]
    assert backbone.get('frozen', 'all') == 'all' and backbone.get('out', 'fused') == out
    assert 'omnivore' in form or backbone.norm_features  # alike for the RGB-only baselines
    assert head.in_channels == (list(channels) if isinstance(channels, tuple) else [channels] * 4)
    assert backbone.init_cfg.checkpoint.endswith(weights)
    assert (config.optim_wrapper.optimizer.lr, config.optim_wrapper.optimizer.weight_decay) == (1e-4, 0.05)


@pytest.mark.parametrize('form', FORMS)
@pytest.mark.parametrize(
    'dataset, classes, batch, steps',
    [('sunrgbd', 19, 128, 1000), ('nyuv2', 10, 128, 1000), ('mvip', 308, 128, 1000), ('imagenet', 1000, 1024, 12500)],
)
def test_probing_recipe_of_the_paper(dataset, classes, batch, steps, form):
    config = load(f'cls/linear84_{form}_{dataset}')
    head, loader = config.model.head, config.train_dataloader
    assert (head.num_classes, loader.batch_size, len(head.learning_rates), len(head.dropouts)) == (
        classes,
        batch,
        14,
        6,
    )
    assert (
        config.train_cfg.max_epochs * loader.sampler.samples_per_epoch // batch == steps
        and head.lr_scale == batch / 256
    )
    assert (head.learning_rates[0], head.learning_rates[-1], head.dropouts[-1]) == (1e-5, 0.2, 0.5)
    assert config.optim_wrapper.optimizer == dict(type='SGD', lr=1.0, momentum=0.9, weight_decay=0.0)
    crop = next(t for t in loader.dataset.pipeline if 'Crop' in t.type)
    out, channels, weights = FORMS[form]
    assert crop.size == 224 and config.model.backbone.get('out', 'fused') == out
    assert head.in_channels == (channels[3] if isinstance(channels, tuple) else channels)  # Omnivore: its last stage
    assert config.model.backbone.init_cfg.checkpoint.endswith(weights)
    held_out, test = config.val_dataloader.dataset.datasets
    assert held_out.split == 'holdout' and 'split' not in test
    if (
        dataset == 'mvip'
    ):  # views of one capture must not fall on both sides: its own validation captures choose the head
        assert (
            'valid_data' in held_out.images and 'train_data' in loader.dataset.images and loader.dataset.part == 'all'
        )
    else:
        assert held_out.part == 'holdout' and loader.dataset.part == 'train'
        assert held_out.get('holdout') == loader.dataset.get('holdout')  # else the two parts would overlap


def test_poses_of_ycbv_are_learned_from_real_and_synthetic_images():
    for form in ('vd', 'rgb', 'vdp3de'):
        parts = load(f'pose/poet_{form}_ycbv').train_dataloader.dataset.datasets
        assert [part.split for part in parts] == ['train_real', 'train_synt']


def test_omnivore_sees_what_the_others_see_at_its_own_size():
    loaders = [(load(f'seg/m2f_{form}_nyuv2')) for form in ('vd', 'omnivore')]
    for loader in ('train_dataloader', 'test_dataloader'):
        ours, theirs = (repr(config[loader].dataset.pipeline) for config in loaders)
        assert ours.replace('518', '512').replace("'divisor': 14", "'divisor': 32") == theirs


@pytest.mark.parametrize('strides', [(4, 8, 16, 32), (2, 4, 8, 16)])  # standard, the authors' code
@pytest.mark.parametrize(
    'name, out', [('m2f_vd_sunrgbd', None), ('m2f_rgb_ade20k', None), ('m2f_vdscratch_cityscapes', 'fused')]
)
def test_one_real_step_of_segmentation(name, out, strides):
    config, small = load(f'seg/{name}'), load('seg/m2f_vd_rooms_tiny').model
    classes = config.model.decode_head.num_classes
    config.model.backbone.update(
        arch=dict(embed_dims=32, depth=4, num_heads=2), img_size=56, init_cfg=None, strides=strides
    )
    config.model.backbone.out = out or config.model.backbone.out
    widths = [64 if config.model.backbone.out == 'rgb+fused' else 32] * 4
    small.decode_head.update(in_channels=widths, num_classes=classes)
    small.decode_head.loss_cls.class_weight = [1.0] * classes + [0.1]
    model = MODELS.build(
        dict(
            config.model,
            decode_head=small.decode_head,
            data_preprocessor=dict(config.model.data_preprocessor, size=(56, 56)),
        )
    )
    model.train()
    from mmengine.structures import PixelData
    from mmseg.structures import SegDataSample

    samples = [
        SegDataSample(gt_sem_seg=PixelData(data=torch.randint(0, 5, (1, 50, 40))), metainfo=dict(img_shape=(50, 40)))
        for _ in range(2)
    ]
    data = dict(
        inputs=[torch.randint(0, 256, (3, 50, 40), dtype=torch.uint8) for _ in range(2)],
        depth=[torch.rand(1, 50, 40) * 5 for _ in range(2)],
        data_samples=samples,
    )
    total, _ = model.parse_losses(model(**model.data_preprocessor(data, True), mode='loss'))
    total.backward()
    assert torch.isfinite(total)
    for key, parameter in model.named_parameters():
        assert (parameter.grad is not None) == parameter.requires_grad, key
