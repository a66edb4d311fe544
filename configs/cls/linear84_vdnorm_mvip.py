# Table 3, MVIP: DINOv2 +VD(Norm).
_base_ = ['./linear84_vd_mvip.py', '../_base_/encoders/dinov2_vdnorm.py']
model = {{_base_.cls_model}}
