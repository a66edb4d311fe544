# 84 linear classifiers on the frozen VD encoder (paper A.5): class tokens of both streams, normalised and concatenated.
learning_rates = [1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1, 0.2]
dropouts = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]
num_classes, embed_dims = 19, 768
model = dict(
    type='mmpretrain.ImageClassifier',
    data_preprocessor=dict(type='mmvd.RGBDClsDataPreprocessor'),
    backbone=dict(
        type='mmvd.VDViT',
        arch='base',
        depth_encoding=dict(type='mmvd.PositionalDepthEncoding', num_channels=32, max_depth=15.0),
        frozen='all',
        # 'rgb', 'fused': one class token (in_channels halves); out_type='avg_featmap': mean patch tokens; last_blocks=4
        out='rgb+fused',
        out_type='cls_token',
        init_cfg=dict(type='Pretrained', checkpoint='{{$MMVD_WEIGHTS:weights}}/vd_dinov2_pde.pth'),
    ),
    head=dict(
        type='mmvd.LinearProbeHead',
        num_classes=num_classes,
        in_channels=2 * embed_dims,
        learning_rates=learning_rates,
        dropouts=dropouts,
        lr_scale=128 / 256,  # DINOv2's rule: learning rate x global batch / 256
    ),
)
val_evaluator = dict(type='mmvd.LinearProbeMetric', paper_compat=False)
test_evaluator = val_evaluator
