# Table 3, SUN RGB-D scenes: EVA-02, RGB alone.
_base_ = ['./linear84_vd_sunrgbd.py', '../_base_/encoders/eva02_rgb.py']
model = {{_base_.cls_model}}
