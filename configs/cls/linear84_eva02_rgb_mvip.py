# Table 3, MVIP: EVA-02, RGB alone.
_base_ = ['./linear84_vd_mvip.py', '../_base_/encoders/eva02_rgb.py']
model = {{_base_.cls_model}}
