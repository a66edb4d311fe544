# Table 1: EVA-02, PDE with 32 channels, one fixed maximum of 15 m.
_base_ = '../pretrain_eva02_pde.py'
paper = dict(
    auc_rmse_mm=dict(cityscapes=3216.4, nyuv2=102.6, void=42.3, lm=63.8),  # Table 1
    rgb_share_percent=[60.78, 69.25, 72.64, 83.58],  # Table 8
)
