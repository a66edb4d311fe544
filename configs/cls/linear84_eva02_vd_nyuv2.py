# Table 3, NYUv2 scenes: EVA-02 +VD(PDE).
_base_ = ['./linear84_vd_nyuv2.py', '../_base_/encoders/eva02_vd.py']
model = {{_base_.cls_model}}
