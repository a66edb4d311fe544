# Table 1: DINOv2, PDE with 64 channels, one fixed maximum of 15 m.
_base_ = '../pretrain_dinov2_pde.py'
model = dict(backbone=dict(depth_encoding=dict(num_channels=64)))
paper = dict(
    auc_rmse_mm=dict(cityscapes=2995.6, nyuv2=94.4, void=40.2, lm=59.4),  # Table 1
    rgb_share_percent=[86.12, 68.48, 61.57, 83.37],  # Table 8
)
