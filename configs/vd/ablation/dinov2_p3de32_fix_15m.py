# The first stage of "+VD(P3DE)" (Table 5): DINOv2, points, each axis with 32 channels, one fixed maximum of 15 m.
_base_ = '../pretrain_dinov2_pde.py'
encoding = dict(type='mmvd.PositionalPointEncoding', num_channels=32, max_depth=15.0)
model = dict(
    data_preprocessor=dict(depth_encoding=encoding),
    backbone=dict(depth_encoding=dict(_delete_=True, **encoding)),
    head=dict(num_axes=3),
)
