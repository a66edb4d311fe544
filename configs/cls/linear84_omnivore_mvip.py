# Table 3, MVIP: Omnivore with RGB and depth, its pooled feature.
_base_ = ['./linear84_vd_mvip.py', '../_base_/encoders/omnivore.py']
model = {{_base_.cls_model}}
