# PoET's head on the frozen VD encoder (DINOv2 ViT-B/14, PDE): four maps of RGB and fused tokens at the grid of patches
# (the authors' code: depth tokens before the fusion of each layer; A.7 does not say).
embed_dims = 768
model = dict(
    type='mmvd.PoseEstimator',
    data_preprocessor=dict(type='mmvd.RGBDDetDataPreprocessor', size_divisor=14),
    backbone=dict(
        type='mmvd.VDViT',
        arch='base',
        depth_encoding=dict(type='mmvd.PositionalDepthEncoding', num_channels=32, max_depth=15.0),
        frozen='all',
        out='rgb+fused',
        norm_features=True,
        strides=(14, 14, 14, 14),
        init_cfg=dict(type='Pretrained', checkpoint='{{$MMVD_WEIGHTS:weights}}/vd_dinov2_pde.pth'),
    ),
    head=dict(
        type='mmvd.PoETHead',
        in_channels=[2 * embed_dims] * 4,
        class_mode='specific',  # PoET's default: 'agnostic'
        # PoET: box_frequencies=32, loss.models=None
        loss=dict(type='mmvd.PoseLoss'),  # whose models are those of the dataset
    ),
)
