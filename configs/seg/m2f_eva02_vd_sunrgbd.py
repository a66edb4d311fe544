# Table 4, SUN RGB-D: EVA-02 +VD(PDE).
_base_ = ['./m2f_vd_sunrgbd.py', '../_base_/encoders/eva02_vd.py']
model = {{_base_.seg_model}}
