# Table 3, NYUv2 scenes: VD(PDE) without RGB pretraining, RGB alone.
_base_ = ['./linear84_vd_nyuv2.py', '../_base_/encoders/vdscratch_rgb.py']
model = {{_base_.cls_model}}
