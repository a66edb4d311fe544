# mmdet's Mask2Former, small, on the frozen VD encoder of vd/pretrain_tiny_pde_rooms.py.
width, num_classes = 64, 17
attention = dict(embed_dims=width, num_heads=4, batch_first=True)
ffn = dict(embed_dims=width, feedforward_channels=4 * width, num_fcs=2, act_cfg=dict(type='ReLU', inplace=True))
position = dict(num_feats=width // 2, normalize=True)
model = dict(
    type='mmdet.Mask2Former',
    data_preprocessor=dict(type='mmvd.RGBDDetDataPreprocessor', size_divisor=8),
    backbone=dict(
        type='mmvd.VDViT',
        arch=dict(embed_dims=96, depth=4, num_heads=4),
        patch_size=8,
        img_size=112,
        frozen='all',
        out='rgb+fused',
        norm_features=True,
        init_cfg=dict(type='Pretrained', checkpoint='work_dirs/pretrain_tiny_pde_rooms/epoch_6.pth'),
    ),
    panoptic_head=dict(
        type='mmdet.Mask2FormerHead',
        in_channels=[192] * 4,
        strides=[4, 8, 16, 32],
        feat_channels=width,
        out_channels=width,
        num_things_classes=num_classes,
        num_stuff_classes=0,
        num_queries=24,
        num_transformer_feat_level=3,
        pixel_decoder=dict(
            type='mmdet.MSDeformAttnPixelDecoder',
            num_outs=3,
            norm_cfg=dict(type='GN', num_groups=8),
            act_cfg=dict(type='ReLU'),
            encoder=dict(
                num_layers=1, layer_cfg=dict(self_attn_cfg=dict(attention, num_levels=3, num_points=4), ffn_cfg=ffn)
            ),
            positional_encoding=position,
        ),
        positional_encoding=position,
        transformer_decoder=dict(
            return_intermediate=True,
            num_layers=3,
            layer_cfg=dict(self_attn_cfg=attention, cross_attn_cfg=attention, ffn_cfg=ffn),
        ),
        loss_cls=dict(
            type='mmdet.CrossEntropyLoss', use_sigmoid=False, loss_weight=2.0, class_weight=[1.0] * num_classes + [0.1]
        ),
        loss_mask=dict(type='mmdet.CrossEntropyLoss', use_sigmoid=True, loss_weight=5.0),
        loss_dice=dict(
            type='mmdet.DiceLoss', use_sigmoid=True, activate=True, naive_dice=True, eps=1.0, loss_weight=5.0
        ),
    ),
    panoptic_fusion_head=dict(
        type='mmdet.MaskFormerFusionHead', num_things_classes=num_classes, num_stuff_classes=0, loss_panoptic=None
    ),
    train_cfg=dict(
        num_points=1024,
        oversample_ratio=3.0,
        importance_sample_ratio=0.75,
        assigner=dict(
            type='mmdet.HungarianAssigner',
            match_costs=[
                dict(type='mmdet.ClassificationCost', weight=2.0),
                dict(type='mmdet.CrossEntropyLossCost', weight=5.0, use_sigmoid=True),
                dict(type='mmdet.DiceCost', weight=5.0, pred_act=True, eps=1.0),
            ],
        ),
        sampler=dict(type='mmdet.MaskPseudoSampler'),
    ),
    test_cfg=dict(
        panoptic_on=False, semantic_on=False, instance_on=True, max_per_image=50, iou_thr=0.8, filter_low_score=True
    ),
)
