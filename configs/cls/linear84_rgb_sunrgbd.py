# RGB-only baseline of linear84_vd_sunrgbd.py: the class token of frozen DINOv2 alone.
_base_ = ['./linear84_vd_sunrgbd.py', '../_base_/encoders/dinov2_rgb.py']
model = {{_base_.cls_model}}
