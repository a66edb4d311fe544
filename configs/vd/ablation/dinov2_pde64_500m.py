# Table 1: DINOv2, PDE with 64 channels, maximum of each map in the depth key, up to 500 m.
_base_ = './dinov2_pde32_500m.py'
model = dict(backbone=dict(depth_encoding=dict(num_channels=64)))
paper = dict(
    auc_rmse_mm=dict(cityscapes=2940.9, nyuv2=113.4, void=61.9, lm=76.6),  # Table 1
    rgb_share_percent=[88.76, 68.81, 61.43, 80.87],  # Table 8
)
