# RGB-only baseline of m2f_vd_cityscapes.py: the frozen DINOv2 stream alone, its features normalised alike.
_base_ = ['./m2f_vd_cityscapes.py', '../_base_/encoders/dinov2_rgb.py']
model = {{_base_.seg_model}}
