# Table 4, Cityscapes: EVA-02 +VD(PDE).
_base_ = ['./m2f_vd_cityscapes.py', '../_base_/encoders/eva02_vd.py']
model = {{_base_.seg_model}}
