# Frozen VD on DINOv2 with normalised depth: "+VD(Norm)", the encoder of configs/vd/pretrain_dinov2_norm_448.py.
encoder = dict(
    depth_encoding=dict(_delete_=True, type='mmvd.NormalizeDepth', mean=5.0, std=5.0, max_depth=15.0),
    init_cfg=dict(checkpoint='{{$MMVD_WEIGHTS:weights}}/vd_dinov2_norm.pth'),
)
seg_model = cls_model = dict(backbone=encoder)
