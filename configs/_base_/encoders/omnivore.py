# Frozen Omnivore Swin3D-B with depth as disparity (A.8), images of 512 px (A.6). Disparity needs the camera: intrinsics
# and sensor of the sample (SUN RGB-D has them), or 0.9 of the shorter side as focal length and a D435's baseline.
encoding = dict(type='mmvd.DisparityEncoding', baseline_m='sensor', mean=0.0418, std=0.0295, max_disparity_px=75.0)
preprocessor = dict(depth_encoding=encoding)
encoder = dict(
    _delete_=True,
    type='mmvd.OmnivoreSwin3D',
    depth_encoding=encoding,
    init_cfg=dict(type='Pretrained', checkpoint='{{$MMVD_WEIGHTS:weights}}/swinB_In21k_checkpoint.torch'),
)
cls_model = dict(
    data_preprocessor=preprocessor, backbone=dict(encoder, out_type='avg_featmap'), head=dict(in_channels=1024)
)
crop_512 = (512, 512)
seg_model = dict(
    data_preprocessor=dict(preprocessor, size=crop_512, size_divisor=32),
    backbone=encoder,
    decode_head=dict(in_channels=[256, 512, 1024, 1024]),
)
train_pipeline_512 = [
    dict(type='mmvd.LoadImage'),
    dict(type='mmvd.LoadDepth'),
    dict(type='mmvd.LoadLabels'),
    dict(type='mmvd.RGBDResize', size=512),
    dict(type='mmvd.RGBDRandomCrop', size=crop_512, cat_max_ratio=0.75),
    dict(type='mmvd.RGBDRandomFlip', horizontal=0.5),
    dict(type='mmvd.RandomColorJitter'),
    dict(type='mmvd.ThreeAugment', prob=0.5),
    dict(type='mmvd.PackRGBDInputs', packer=dict(type='mmseg.PackSegInputs')),
]
test_pipeline_512 = [
    dict(type='mmvd.LoadImage'),
    dict(type='mmvd.LoadDepth'),
    dict(type='mmvd.RGBDResize', size=512, divisor=32),
    dict(type='mmvd.LoadLabels'),
    dict(type='mmvd.PackRGBDInputs', packer=dict(type='mmseg.PackSegInputs')),
]
