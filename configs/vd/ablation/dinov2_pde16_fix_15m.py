# Beside Table 1: DINOv2, PDE with 16 channels, one fixed maximum of 15 m (the paper has 16 channels at 500 m alone).
_base_ = '../pretrain_dinov2_pde.py'
model = dict(backbone=dict(depth_encoding=dict(num_channels=16)))
