# Table 4, ADE20K: VD(PDE) without RGB pretraining, RGB alone.
_base_ = ['./m2f_vd_ade20k.py', '../_base_/encoders/vdscratch_rgb.py']
model = {{_base_.seg_model}}
