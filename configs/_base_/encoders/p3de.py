# Points (P3DE), each axis with 32 channels, one fixed maximum of 15 m: for pretraining, and for poses with the frozen
# encoder of configs/vd/pretrain_dinov2_p3de_448.py.
encoding = dict(type='mmvd.PositionalPointEncoding', num_channels=32, max_depth=15.0)
points = dict(depth_encoding=dict(_delete_=True, **encoding))
vd_model = dict(data_preprocessor=dict(depth_encoding=encoding), backbone=points, head=dict(num_axes=3))
pose_model = dict(
    data_preprocessor=dict(depth_encoding=encoding),
    backbone=dict(points, init_cfg=dict(checkpoint='{{$MMVD_WEIGHTS:weights}}/vd_dinov2_p3de.pth')),
)
