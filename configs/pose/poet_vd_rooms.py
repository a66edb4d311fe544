# The whole path on rooms with eight rigid objects, minutes on two CPU cores: the frozen encoder of
# vd/pretrain_tiny_pde_rooms.py under a small head. Data: python -m mmvd data bop data/bop_rooms
_base_ = [
    '../_base_/models/poet_vd_dinov2_base.py',
    '../_base_/datasets/pose.py',
    '../_base_/schedules/poet_90k.py',
    '../_base_/pose_runtime.py',
]
root = '{{$MMVD_DATA:data}}/bop_rooms'
width = 96
model = dict(
    data_preprocessor=dict(size_divisor=8),
    backbone=dict(
        arch=dict(_delete_=True, embed_dims=96, depth=4, num_heads=4),
        patch_size=8,
        img_size=112,
        strides=(8, 8, 8, 8),
        init_cfg=dict(checkpoint='work_dirs/pretrain_tiny_pde_rooms/epoch_6.pth'),
    ),
    head=dict(
        in_channels=[2 * width] * 4,
        num_classes=8,
        embed_dims=128,
        num_heads=4,
        feedforward=256,
        encoder_layers=0,
        decoder_layers=3,
        dropout=0.0,
        reference='box',
        translation='projected',
        loss=dict(models=f'{root}/models'),
    ),
)
load = [dict(type='mmvd.LoadImage'), dict(type='mmvd.LoadDepth'), dict(type='mmvd.LoadAnnotatedBoxes', box='visible')]
colour = dict(type='mmvd.RandomColorJitter', brightness=0.3, contrast=0.3, saturation=0.3, hue=0.0)
poses = dict(type='mmvd.BOPPoseDataset', data_root=root)
global_batch_size = 8
train_dataloader = dict(
    batch_size=8,
    num_workers=1,
    pin_memory=False,
    sampler=dict(samples_per_epoch=400),
    dataset=dict(poses, split='train', min_visib_fract=0.1, pipeline=[*load, colour, {{_base_.pack}}]),
)
val_dataloader = dict(
    batch_size=8,
    num_workers=0,
    persistent_workers=False,
    dataset=dict(poses, split='val', test_mode=True, pipeline=[*load, {{_base_.pack}}]),
)
test_dataloader = dict(
    batch_size=8,
    num_workers=0,
    persistent_workers=False,
    dataset=dict(poses, split='test', test_mode=True, pipeline=[*load, {{_base_.pack}}]),
)
val_evaluator = dict(type='mmvd.BOPPoseMetric', models=f'{root}/models', with_vsd=False)
test_evaluator = dict(
    type='mmvd.BOPPoseMetric',
    models=f'{root}/models',
    targets=f'{root}/test_targets_bop19.json',
    reference=dict(poses, split='train'),
    submission='work_dirs/poet_vd_rooms/poet-vd_rooms-test.csv',
)
train_cfg = dict(max_epochs=16, val_interval=8)
optim_wrapper = dict(optimizer=dict(lr=1e-3), clip_grad=dict(max_norm=1.0))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=50),
    dict(type='CosineAnnealingLR', eta_min=1e-5, by_epoch=True, begin=0, end=16, convert_to_iter_based=True),
]
default_hooks = dict(logger=dict(interval=10))
