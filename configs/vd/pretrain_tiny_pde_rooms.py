# A small pair of ViTs, both trained (paper's row without RGB pretraining), and the paper's decoder: minutes on two CPU
# cores, the first half of `make pretrain`. Encoders of the rooms' other tasks come from here.
_base_ = './pretrain_dinov2_pde_rooms.py'
size, width = 112, 96
model = dict(
    backbone=dict(
        arch=dict(_delete_=True, embed_dims=width, depth=4, num_heads=4),
        patch_size=8,
        img_size=size,
        frozen='none',
        init_cfg=None,
    ),
    head=dict(in_channels=width, channels=(64, 48, 24, 16)),
)
train_pipeline = [
    dict(type='Compose', transforms={{_base_.load}}),
    dict(type='mmvd.RGBDRandomResizedCrop', size=size, scale=(0.5, 1.0)),
    dict(type='Compose', transforms={{_base_.augment}}),
]
rooms = dict(type='mmvd.SyntheticRooms', length=384, seed=0, size=(size, size), cache=True)
global_batch_size = 16
train_dataloader = dict(
    batch_size=16,
    num_workers=1,
    dataset=dict(datasets=dict(rooms=rooms), samples_per_epoch=1024, pipeline=train_pipeline),
)
val_dataloader = dict(
    batch_size=16,
    num_workers=1,
    persistent_workers=True,
    dataset=dict(dataset=dict(length=32, size=(size, size), cache=True)),
)
test_dataloader = val_dataloader
train_cfg = dict(max_epochs=6, val_interval=3)
optim_wrapper = dict(optimizer=dict(type='AdamW', lr=3e-3, weight_decay=0.01), clip_grad=dict(max_norm=1.0))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=True, begin=0, end=1, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', eta_min=1e-5, by_epoch=True, begin=1, end=6, convert_to_iter_based=True),
]
default_hooks = dict(logger=dict(interval=8))
