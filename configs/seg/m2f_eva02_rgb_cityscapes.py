# Table 4, Cityscapes: EVA-02, RGB alone.
_base_ = ['./m2f_vd_cityscapes.py', '../_base_/encoders/eva02_rgb.py']
model = {{_base_.seg_model}}
