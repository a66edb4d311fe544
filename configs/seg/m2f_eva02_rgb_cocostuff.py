# Table 4, COCO-Stuff: EVA-02, RGB alone.
_base_ = ['./m2f_vd_cocostuff.py', '../_base_/encoders/eva02_rgb.py']
model = {{_base_.seg_model}}
