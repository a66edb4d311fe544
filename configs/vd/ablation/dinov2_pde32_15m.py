# Table 1: DINOv2, PDE with 32 channels, maximum of each map in the depth key, up to 15 m.
_base_ = '../pretrain_dinov2_pde.py'
model = dict(backbone=dict(depth_encoding=dict(per_sample_max=True)))
paper = dict(
    auc_rmse_mm=dict(cityscapes=3060.1, nyuv2=101.0, void=45.4, lm=64.5),  # Table 1
    rgb_share_percent=[82.94, 61.1, 63.18, 85.93],  # Table 8
)
