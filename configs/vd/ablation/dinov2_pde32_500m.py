# Table 1: DINOv2, PDE with 32 channels, maximum of each map in the depth key, up to 500 m.
_base_ = './dinov2_pde32_15m.py'
max_depth = 500.0
model = dict(
    data_preprocessor=dict(random_depth=dict(max_depth=max_depth)),
    backbone=dict(depth_encoding=dict(max_depth=max_depth)),
    head=dict(max_depth=max_depth),
)
paper = dict(
    auc_rmse_mm=dict(cityscapes=2974.0, nyuv2=113.8, void=59.4, lm=77.4),  # Table 1
    rgb_share_percent=[87.04, 66.07, 61.25, 79.31],  # Table 8
)
