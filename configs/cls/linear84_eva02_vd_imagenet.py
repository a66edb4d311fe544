# Table 3, ImageNet-1k: EVA-02 +VD(PDE).
_base_ = ['./linear84_vd_imagenet.py', '../_base_/encoders/eva02_vd.py']
model = {{_base_.cls_model}}
