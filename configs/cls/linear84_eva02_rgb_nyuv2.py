# Table 3, NYUv2 scenes: EVA-02, RGB alone.
_base_ = ['./linear84_vd_nyuv2.py', '../_base_/encoders/eva02_rgb.py']
model = {{_base_.cls_model}}
