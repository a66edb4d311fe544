# Table 1: DINOv2, depth normalised by mean and std of the training pipeline (tools/analysis/depth_statistics.py).
_base_ = './dinov2_norm_5_15m.py'
model = dict(backbone=dict(depth_encoding=dict(mean=2.4597456, std=0.8662434)))
paper = dict(
    auc_rmse_mm=dict(cityscapes=3761.7, nyuv2=133.4, void=63.2, lm=78.78),  # Table 1
    rgb_share_percent=[91.35, 73.85, 59.32, 77.87],  # Table 8
)
