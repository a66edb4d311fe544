# Table 4, Cityscapes: VD(PDE) without RGB pretraining, RGB alone.
_base_ = ['./m2f_vd_cityscapes.py', '../_base_/encoders/vdscratch_rgb.py']
model = dict(
    backbone={{_base_.encoder}},
    decode_head=dict(in_channels=[{{_base_.channels}}] * 4),
)
