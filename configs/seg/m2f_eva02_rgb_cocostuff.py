# Table 4, COCO-Stuff: EVA-02, RGB alone.
_base_ = ['./m2f_vd_cocostuff.py', '../_base_/encoders/eva02_rgb.py']
model = dict(
    data_preprocessor={{_base_.preprocessor}},
    backbone={{_base_.encoder}},
    decode_head=dict(in_channels=[{{_base_.channels}}] * 4),
)
