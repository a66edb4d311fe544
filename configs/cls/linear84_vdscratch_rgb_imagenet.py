# Table 3, ImageNet-1k: VD(PDE) without RGB pretraining, RGB alone.
_base_ = ['./linear84_vd_imagenet.py', '../_base_/encoders/vdscratch_rgb.py']
model = {{_base_.cls_model}}
