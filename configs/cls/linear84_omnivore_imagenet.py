# Table 3, ImageNet-1k: Omnivore with RGB and depth, its pooled feature.
_base_ = ['./linear84_vd_imagenet.py', '../_base_/encoders/omnivore.py']
model = {{_base_.cls_model}}
