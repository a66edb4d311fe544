# RGB-only baseline of linear84_vd_sunrgbd.py: the class token of frozen DINOv2 alone.
_base_ = './linear84_vd_sunrgbd.py'
model = dict(
    backbone=dict(out='rgb', init_cfg=dict(checkpoint='{{$MMVD_WEIGHTS:weights}}/dinov2_vitb14_pretrain.pth')),
    head=dict(in_channels=768),
)
