# Table 1: DINOv2, PDE with 16 channels, maximum of each map in the depth key, up to 500 m.
_base_ = './dinov2_pde32_500m.py'
model = dict(backbone=dict(depth_encoding=dict(num_channels=16)))
paper = dict(
    auc_rmse_mm=dict(cityscapes=3145.6, nyuv2=120.3, void=60.2, lm=78.0),  # Table 1
    rgb_share_percent=[84.02, 66.25, 60.97, 81.74],  # Table 8
)
