# Table 3, SUN RGB-D scenes: DINOv2 +VD(Norm).
_base_ = ['./linear84_vd_sunrgbd.py', '../_base_/encoders/dinov2_vdnorm.py']
model = {{_base_.cls_model}}
