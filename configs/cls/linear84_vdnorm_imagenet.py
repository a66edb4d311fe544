# Table 3, ImageNet-1k: DINOv2 +VD(Norm).
_base_ = ['./linear84_vd_imagenet.py', '../_base_/encoders/dinov2_vdnorm.py']
model = {{_base_.cls_model}}
