# Table 3, NYUv2 scenes: DINOv2 +VD(Norm).
_base_ = ['./linear84_vd_nyuv2.py', '../_base_/encoders/dinov2_vdnorm.py']
model = {{_base_.cls_model}}
