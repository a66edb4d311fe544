# `make real-frames`: a frozen, really pretrained ViT-S/14 and a handful of real frames; trains on some, evaluates on
# others.
_base_ = [
    '../_base_/models/vd_dinov2_base.py',
    '../_base_/datasets/real_frames.py',
    '../_base_/schedules/vd_100e.py',
    '../_base_/default_runtime.py',
]
model = dict(
    backbone=dict(arch='small', init_cfg=dict(checkpoint='{{$MMVD_WEIGHTS:weights}}/vits14_imgfocus.safetensors')),
    head=dict(in_channels=384, channels=(128, 64, 32, 16)),
)
train_cfg = dict(max_epochs=16, val_interval=8)
optim_wrapper = dict(optimizer=dict(lr=3e-4), clip_grad=dict(max_norm=1.0))
param_scheduler = [
    dict(type='CosineAnnealingLR', eta_min=1e-5, by_epoch=True, begin=0, end=16, convert_to_iter_based=True)
]
default_hooks = dict(logger=dict(interval=5))
