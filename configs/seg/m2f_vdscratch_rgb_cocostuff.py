# Table 4, COCO-Stuff: VD(PDE) without RGB pretraining, RGB alone.
_base_ = ['./m2f_vd_cocostuff.py', '../_base_/encoders/vdscratch_rgb.py']
model = {{_base_.seg_model}}
