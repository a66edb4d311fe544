# Table 4, SUN RGB-D: DINOv2 +VD(Norm).
_base_ = ['./m2f_vd_sunrgbd.py', '../_base_/encoders/dinov2_vdnorm.py']
model = {{_base_.seg_model}}
