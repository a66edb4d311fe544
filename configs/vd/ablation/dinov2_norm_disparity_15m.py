# Table 1: DINOv2, disparity of one stereo camera, normalised (A.8: constant focal length and baseline).
_base_ = '../pretrain_dinov2_pde.py'
# 0.9 of the side of 224 px (authors' code). The camera stays the same at other sizes: statistics hold for it.
encoding = dict(type='mmvd.DisparityEncoding', focal_px=201.6, baseline_m=0.05)
model = dict(
    data_preprocessor=dict(depth_encoding=encoding), backbone=dict(depth_encoding=dict(_delete_=True, **encoding))
)
paper = dict(
    auc_rmse_mm=dict(cityscapes=3765.0, nyuv2=139.1, void=63.0, lm=82.6),  # Table 1
    rgb_share_percent=[90.97, 71.19, 59.09, 77.21],  # Table 8
)
