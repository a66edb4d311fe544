# Table 1: DINOv2, PDE with 64 channels, maximum of each map in the depth key, up to 15 m.
_base_ = './dinov2_pde32_15m.py'
model = dict(backbone=dict(depth_encoding=dict(num_channels=64)))
paper = dict(
    auc_rmse_mm=dict(cityscapes=3024.7, nyuv2=97.4, void=43.6, lm=62.3),  # Table 1
    rgb_share_percent=[84.73, 63.07, 63.93, 84.95],  # Table 8
)
