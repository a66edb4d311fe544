# Table 4, ADE20K: EVA-02, RGB alone.
_base_ = ['./m2f_vd_ade20k.py', '../_base_/encoders/eva02_rgb.py']
model = {{_base_.seg_model}}
