# Table 1: DINOv2, depth normalised by 21 and 6 m, 500 m.
_base_ = './dinov2_pde32_500m.py'
model = dict(
    backbone=dict(depth_encoding=dict(_delete_=True, type='mmvd.NormalizeDepth', mean=21.0, std=6.0, max_depth=500.0))
)
paper = dict(
    auc_rmse_mm=dict(cityscapes=3840.8, nyuv2=156.8, void=82.3, lm=91.0),  # Table 1
    rgb_share_percent=[90.94, 76.31, 61.08, 66.31],  # Table 8
)
