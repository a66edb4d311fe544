# Table 4, SUN RGB-D: VD(PDE) without RGB pretraining, RGB alone.
_base_ = ['./m2f_vd_sunrgbd.py', '../_base_/encoders/vdscratch_rgb.py']
model = {{_base_.seg_model}}
