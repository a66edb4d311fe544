# Table 3, MVIP: EVA-02 +VD(PDE).
_base_ = ['./linear84_vd_mvip.py', '../_base_/encoders/eva02_vd.py']
model = dict(
    data_preprocessor={{_base_.preprocessor}},
    backbone={{_base_.encoder}},
    head=dict(in_channels={{_base_.channels}}),
)
