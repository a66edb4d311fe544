# Table 5: VD with the encoding of points (P3DE).
_base_ = './poet_vd_ycbv.py'
encoding = dict(type='mmvd.PositionalPointEncoding', num_channels=32, max_depth=15.0)
model = dict(
    data_preprocessor=dict(depth_encoding=encoding),
    backbone=dict(
        depth_encoding=dict(_delete_=True, **encoding),
        init_cfg=dict(checkpoint='{{$MMVD_WEIGHTS:weights}}/vd_dinov2_p3de.pth'),
    ),
)
test_evaluator = dict(submission='work_dirs/poet-vdp3de_ycbv-test.csv')
