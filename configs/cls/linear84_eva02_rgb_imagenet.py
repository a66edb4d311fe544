# Table 3, ImageNet-1k: EVA-02, RGB alone.
_base_ = ['./linear84_vd_imagenet.py', '../_base_/encoders/eva02_rgb.py']
model = {{_base_.cls_model}}
