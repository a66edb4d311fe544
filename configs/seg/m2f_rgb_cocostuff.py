# RGB-only baseline of m2f_vd_cocostuff.py: the frozen DINOv2 stream alone, its features normalised alike.
_base_ = './m2f_vd_cocostuff.py'
model = dict(
    backbone=dict(out='rgb', init_cfg=dict(checkpoint='{{$MMVD_WEIGHTS:weights}}/dinov2_vitb14_pretrain.pth')),
    decode_head=dict(in_channels=[768] * 4),
)
