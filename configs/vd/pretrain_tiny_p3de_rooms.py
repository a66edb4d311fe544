# The small pair of ViTs of the rooms with the encoding of points (P3DE); the camera goes with every crop.
_base_ = './pretrain_tiny_pde_rooms.py'
encoding = dict(type='mmvd.PositionalPointEncoding', num_channels=32, max_depth=15.0)
model = dict(
    data_preprocessor=dict(depth_encoding=encoding),
    backbone=dict(depth_encoding=dict(_delete_=True, **encoding)),
    head=dict(num_axes=3),
)
