# Table 4, SUN RGB-D: VD(PDE) without RGB pretraining, RGB alone.
_base_ = ['./m2f_vd_sunrgbd.py', '../_base_/encoders/vdscratch_rgb.py']
model = dict(
    backbone={{_base_.encoder}},
    decode_head=dict(in_channels=[{{_base_.channels}}] * 4),
)
