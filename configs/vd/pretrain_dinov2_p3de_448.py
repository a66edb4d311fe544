# Second stage at 448 px of "+VD(P3DE)", from the last checkpoint of ablation/dinov2_p3de32_fix_15m.py.
_base_ = './pretrain_dinov2_pde_448.py'
load_from = 'work_dirs/dinov2_p3de32_fix_15m/epoch_100.pth'
encoding = dict(type='mmvd.PositionalPointEncoding', num_channels=32, max_depth=15.0)
model = dict(
    data_preprocessor=dict(depth_encoding=encoding),
    backbone=dict(depth_encoding=dict(_delete_=True, **encoding)),
    head=dict(num_axes=3),
)
