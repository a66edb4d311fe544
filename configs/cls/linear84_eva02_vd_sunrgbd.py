# Table 3, SUN RGB-D scenes: EVA-02 +VD(PDE).
_base_ = ['./linear84_vd_sunrgbd.py', '../_base_/encoders/eva02_vd.py']
model = {{_base_.cls_model}}
