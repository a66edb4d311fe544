# Table 4, ADE20K: DINOv2 +VD(Norm).
_base_ = ['./m2f_vd_ade20k.py', '../_base_/encoders/dinov2_vdnorm.py']
model = dict(
    backbone={{_base_.encoder}},
    decode_head=dict(in_channels=[{{_base_.channels}}] * 4),
)
