# Table 4, ADE20K: DINOv2 +VD(Norm).
_base_ = ['./m2f_vd_ade20k.py', '../_base_/encoders/dinov2_vdnorm.py']
model = {{_base_.seg_model}}
