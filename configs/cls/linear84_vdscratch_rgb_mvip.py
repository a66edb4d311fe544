# Table 3, MVIP: VD(PDE) without RGB pretraining, RGB alone.
_base_ = ['./linear84_vd_mvip.py', '../_base_/encoders/vdscratch_rgb.py']
model = {{_base_.cls_model}}
