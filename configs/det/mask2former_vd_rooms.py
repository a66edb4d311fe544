# Instance segmentation with mmdet's Mask2Former on the frozen VD encoder of vd/pretrain_tiny_pde_rooms.py: the same
# backbone in another host.
_base_ = [
    '../_base_/models/mask2former_vd_tiny.py',
    '../_base_/schedules/m2f_20k.py',
    '../_base_/default_runtime.py',
]
epochs = 12
load = dict(type='mmvd.LoadRoomInstances')
pack = dict(
    type='mmvd.PackRGBDInputs',
    packer=dict(
        type='mmdet.PackDetInputs', meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape', 'flip', 'instances')
    ),
)
rooms = dict(type='mmvd.SyntheticRooms', size=(112, 112), cache=True)
train_dataloader = dict(
    batch_size=8,
    num_workers=1,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type='mmvd.EpochSampler', shuffle=True, samples_per_epoch=400),
    dataset=dict(rooms, length=256, seed=10, pipeline=[load, dict(type='mmvd.RGBDRandomFlip'), pack]),
)
val_dataloader = dict(
    batch_size=8,
    num_workers=0,
    sampler=dict(type='mmvd.EpochSampler', shuffle=False, seed=0),
    dataset=dict(rooms, length=64, seed=1010, test_mode=True, pipeline=[load, pack]),
)
val_evaluator = dict(type='mmdet.CocoMetric', metric='segm')
test_dataloader = val_dataloader
test_evaluator = val_evaluator
train_cfg = dict(max_epochs=epochs, val_interval=4)
optim_wrapper = dict(optimizer=dict(lr=1e-3), clip_grad=dict(max_norm=1.0))
param_scheduler = [dict(type='PolyLR', eta_min=0, power=0.9, begin=0, end=epochs, convert_to_iter_based=True)]
custom_hooks = [
    dict(type=f'mmvd.{name}') for name in ('StrictLoadHook', 'FirstLookHook', 'SampleCountHook', 'InterruptHook')
]
