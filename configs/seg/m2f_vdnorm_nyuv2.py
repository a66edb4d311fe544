# Table 4, NYUv2: DINOv2 +VD(Norm).
_base_ = ['./m2f_vd_nyuv2.py', '../_base_/encoders/dinov2_vdnorm.py']
model = {{_base_.seg_model}}
