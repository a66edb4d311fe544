# The whole path on the built-in rooms (five kinds), minutes on two CPU cores: the frozen encoder of
# vd/pretrain_tiny_pde_rooms.py.
_base_ = ['../_base_/models/linear84_vd_dinov2_base.py', '../_base_/schedules/linear_1k.py', '../_base_/cls_runtime.py']
model = dict(
    backbone=dict(
        arch=dict(_delete_=True, embed_dims=96, depth=4, num_heads=4),
        patch_size=8,
        img_size=112,
        # both streams start at random and completion reads no class token: theirs has learnt nothing
        out_type='avg_featmap',
        init_cfg=dict(checkpoint='work_dirs/pretrain_tiny_pde_rooms/epoch_6.pth'),
    ),
    # sixteen times DINOv2's rule (64 / 256), for half of the paper's steps
    head=dict(num_classes=5, in_channels=192, lr_scale=4.0),
)
pack = dict(
    type='mmvd.PackRGBDInputs',
    packer=dict(type='mmpretrain.PackInputs', meta_keys=('img_path', 'img_shape', 'split', 'sample_idx')),
)
# the rooms have this size; it is for one's own images
geometry = [dict(type='mmvd.RGBDResize', size=112), dict(type='mmvd.RGBDCenterCrop', size=112), pack]
test_pipeline = [dict(type='mmvd.LoadImage'), dict(type='mmvd.LoadDepth'), *geometry]  # of images that are files
rooms = dict(type='mmvd.SyntheticRooms', size=(112, 112), cache=True)
train_pipeline = [
    dict(type='mmvd.RGBDRandomResizedCrop', size=112, scale=(0.5, 1.0)),
    dict(type='mmvd.RGBDRandomFlip', horizontal=0.5),
    dict(type='mmvd.RandomColorJitter', brightness=0.3, contrast=0.3, saturation=0.3, hue=0.0),
    dict(type='mmvd.ThreeAugment', prob=0.5),
    pack,
]
train_dataloader = dict(
    batch_size=64,
    num_workers=1,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type='mmvd.EpochSampler', shuffle=True, samples_per_epoch=2560),
    dataset=dict(rooms, length=1536, seed=20, pipeline=train_pipeline),
)
val_dataloader = dict(
    batch_size=64,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='mmvd.EpochSampler', shuffle=False, seed=0),
    dataset=dict(
        type='mmvd.KeyedConcat',
        pipeline=geometry,
        datasets=[dict(rooms, length=256, seed=1020, split='holdout'), dict(rooms, length=1024, seed=1021)],
    ),
)
test_dataloader = val_dataloader
train_cfg = dict(max_epochs=12, val_interval=6)
param_scheduler = [
    dict(type='CosineAnnealingLR', eta_min=0.0, by_epoch=True, begin=0, end=12, T_max=12, convert_to_iter_based=True)
]
default_hooks = dict(logger=dict(interval=5))
