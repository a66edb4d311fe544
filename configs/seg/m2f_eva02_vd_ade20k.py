# Table 4, ADE20K: EVA-02 +VD(PDE).
_base_ = ['./m2f_vd_ade20k.py', '../_base_/encoders/eva02_vd.py']
model = dict(
    data_preprocessor={{_base_.preprocessor}},
    backbone={{_base_.encoder}},
    decode_head=dict(in_channels=[{{_base_.channels}}] * 4),
)
