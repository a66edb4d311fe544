# The first stage of "+VD(P3DE)" (Table 5): DINOv2, points, each axis with 32 channels, one fixed maximum of 15 m.
_base_ = ['../pretrain_dinov2_pde.py', '../../_base_/encoders/p3de.py']
model = {{_base_.vd_model}}
