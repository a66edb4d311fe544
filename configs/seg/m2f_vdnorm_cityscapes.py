# Table 4, Cityscapes: DINOv2 +VD(Norm).
_base_ = ['./m2f_vd_cityscapes.py', '../_base_/encoders/dinov2_vdnorm.py']
model = {{_base_.seg_model}}
