# Table 4, NYUv2: EVA-02 +VD(PDE).
_base_ = ['./m2f_vd_nyuv2.py', '../_base_/encoders/eva02_vd.py']
model = {{_base_.seg_model}}
