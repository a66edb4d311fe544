# Table 1: DINOv2, PDE with 32 channels, one fixed maximum of 15 m: the first stage of "+VD(PDE)".
_base_ = '../pretrain_dinov2_pde.py'
paper = dict(
    auc_rmse_mm=dict(cityscapes=3041.8, nyuv2=95.3, void=40.5, lm=60.1),  # Table 1
    rgb_share_percent=[83.32, 63.56, 62.41, 82.58],  # Table 8
)
