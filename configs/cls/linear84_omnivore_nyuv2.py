# Table 3, NYUv2 scenes: Omnivore with RGB and depth, its pooled feature.
_base_ = ['./linear84_vd_nyuv2.py', '../_base_/encoders/omnivore.py']
model = {{_base_.cls_model}}
