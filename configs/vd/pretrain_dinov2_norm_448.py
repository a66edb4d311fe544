# Second stage at 448 px of "+VD(Norm)", from the last checkpoint of ablation/dinov2_norm_5_15m.py.
_base_ = './pretrain_dinov2_pde_448.py'
load_from = 'work_dirs/dinov2_norm_5_15m/epoch_100.pth'
model = dict(
    backbone=dict(depth_encoding=dict(_delete_=True, type='mmvd.NormalizeDepth', mean=5.0, std=5.0, max_depth=15.0))
)
