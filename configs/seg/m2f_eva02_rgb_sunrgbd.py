# Table 4, SUN RGB-D: EVA-02, RGB alone.
_base_ = ['./m2f_vd_sunrgbd.py', '../_base_/encoders/eva02_rgb.py']
model = {{_base_.seg_model}}
