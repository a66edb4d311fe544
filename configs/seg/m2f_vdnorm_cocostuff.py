# Table 4, COCO-Stuff: DINOv2 +VD(Norm).
_base_ = ['./m2f_vd_cocostuff.py', '../_base_/encoders/dinov2_vdnorm.py']
model = {{_base_.seg_model}}
