# Table 1: No RGB pretraining, both streams trained; PDE with 32 channels, one fixed maximum of 15 m.
_base_ = '../pretrain_scratch_pde.py'
paper = dict(
    auc_rmse_mm=dict(cityscapes=3548.4, nyuv2=119.1, void=52.0, lm=71.3),  # Table 1
    rgb_share_percent=[56.67, 69.8, 65.68, 65.34],  # Table 8
)
