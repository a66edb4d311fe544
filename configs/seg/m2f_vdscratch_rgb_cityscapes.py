# Table 4, Cityscapes: VD(PDE) without RGB pretraining, RGB alone.
_base_ = ['./m2f_vd_cityscapes.py', '../_base_/encoders/vdscratch_rgb.py']
model = {{_base_.seg_model}}
