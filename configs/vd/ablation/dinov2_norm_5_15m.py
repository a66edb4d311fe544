# Table 1: DINOv2, depth normalised by 5 and 5 m, 15 m: the first stage of "+VD(Norm)".
_base_ = '../pretrain_dinov2_pde.py'
model = dict(
    backbone=dict(depth_encoding=dict(_delete_=True, type='mmvd.NormalizeDepth', mean=5.0, std=5.0, max_depth=15.0))
)
paper = dict(
    auc_rmse_mm=dict(cityscapes=3652.6, nyuv2=129.8, void=61.7, lm=76.4),  # Table 1
    rgb_share_percent=[80.81, 62.87, 61.58, 73.02],  # Table 8
)
