# Omnivore Swin3D-B, all frozen but the decoder (Table 1; A.8: constant focal length and baseline).
_base_ = './pretrain_dinov2_pde.py'
encoding = dict(
    type='mmvd.DisparityEncoding', focal_px=201.6, baseline_m=0.05, mean=0.0418, std=0.0295, max_disparity_px=75.0
)
model = dict(
    data_preprocessor=dict(depth_encoding=encoding),
    backbone=dict(
        _delete_=True,
        type='mmvd.OmnivoreSwin3D',
        depth_encoding=encoding,
        strides=(2, 4, 8, 16),
        init_cfg=dict(type='Pretrained', checkpoint='{{$MMVD_WEIGHTS:weights}}/swinB_In21k_checkpoint.torch'),
    ),
    head=dict(in_channels=[256, 512, 1024, 1024]),
)
