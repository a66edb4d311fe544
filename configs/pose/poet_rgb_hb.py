# Table 5: the same head on frozen DINOv2 alone.
_base_ = './poet_vd_hb.py'
model = dict(
    backbone=dict(
        out='rgb',
        init_cfg=dict(checkpoint='{{$MMVD_WEIGHTS:weights}}/dinov2_vitb14_pretrain.pth'),
    ),
    head=dict(in_channels=[768] * 4),
)
test_evaluator = dict(submission='work_dirs/poet-rgb_hb-val.csv')
