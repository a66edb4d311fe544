# The rooms' poses on the encoder of points (P3DE): vd/pretrain_tiny_p3de_rooms.py.
_base_ = './poet_vd_rooms.py'
encoding = dict(type='mmvd.PositionalPointEncoding', num_channels=32, max_depth=15.0)
model = dict(
    data_preprocessor=dict(depth_encoding=encoding),
    backbone=dict(
        depth_encoding=dict(_delete_=True, **encoding),
        init_cfg=dict(checkpoint='work_dirs/pretrain_tiny_p3de_rooms/epoch_6.pth'),
    ),
)
test_evaluator = dict(submission='work_dirs/poet_vdp3de_rooms/poet-vdp3de_rooms-test.csv')
