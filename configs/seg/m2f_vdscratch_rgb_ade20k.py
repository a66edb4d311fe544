# Table 4, ADE20K: VD(PDE) without RGB pretraining, RGB alone.
_base_ = ['./m2f_vd_ade20k.py', '../_base_/encoders/vdscratch_rgb.py']
model = dict(
    backbone={{_base_.encoder}},
    decode_head=dict(in_channels=[{{_base_.channels}}] * 4),
)
