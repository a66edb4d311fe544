# Table 3, SUN RGB-D scenes: VD(PDE) without RGB pretraining, RGB alone.
_base_ = ['./linear84_vd_sunrgbd.py', '../_base_/encoders/vdscratch_rgb.py']
model = {{_base_.cls_model}}
