# Table 3, MVIP: EVA-02 +VD(PDE).
_base_ = ['./linear84_vd_mvip.py', '../_base_/encoders/eva02_vd.py']
model = {{_base_.cls_model}}
