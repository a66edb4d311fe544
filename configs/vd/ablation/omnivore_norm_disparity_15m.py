# Table 1: Omnivore Swin3D-B, disparity, everything frozen but the decoder.
_base_ = '../pretrain_omnivore_disparity.py'
paper = dict(auc_rmse_mm=dict(cityscapes=7302.0, nyuv2=609.6, void=309.7, lm=261.8))
