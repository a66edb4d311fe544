# Table 3, SUN RGB-D scenes: Omnivore with RGB and depth, its pooled feature.
_base_ = ['./linear84_vd_sunrgbd.py', '../_base_/encoders/omnivore.py']
model = {{_base_.cls_model}}
