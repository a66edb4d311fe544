# Table 4, NYUv2: VD(PDE) without RGB pretraining, RGB alone.
_base_ = ['./m2f_vd_nyuv2.py', '../_base_/encoders/vdscratch_rgb.py']
model = {{_base_.seg_model}}
