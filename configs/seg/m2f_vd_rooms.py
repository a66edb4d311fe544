# The whole path on the built-in rooms, minutes on two CPU cores: the encoder of vd/pretrain_tiny_pde_rooms.py, frozen,
# under a small Mask2Former.
_base_ = [
    '../_base_/models/m2f_vd_dinov2_base.py',
    '../_base_/datasets/seg_rooms.py',
    '../_base_/schedules/m2f_20k.py',
    '../_base_/seg_runtime.py',
]
width, num_classes, epochs = 64, 17, 12
attention = dict(embed_dims=width, num_heads=4)
ffn = dict(embed_dims=width, feedforward_channels=4 * width)
model = dict(
    data_preprocessor=dict(size=None, size_divisor=8),
    backbone=dict(
        arch=dict(_delete_=True, embed_dims=96, depth=4, num_heads=4),
        patch_size=8,
        img_size=112,
        init_cfg=dict(checkpoint='work_dirs/pretrain_tiny_pde_rooms/epoch_6.pth'),
    ),
    decode_head=dict(
        in_channels=[192] * 4,
        feat_channels=width,
        out_channels=width,
        num_classes=num_classes,
        num_queries=24,
        pixel_decoder=dict(
            norm_cfg=dict(num_groups=8),
            positional_encoding=dict(num_feats=width // 2),
            encoder=dict(num_layers=1, layer_cfg=dict(self_attn_cfg=attention, ffn_cfg=ffn)),
        ),
        positional_encoding=dict(num_feats=width // 2),
        transformer_decoder=dict(
            num_layers=3, layer_cfg=dict(self_attn_cfg=attention, cross_attn_cfg=attention, ffn_cfg=ffn)
        ),
        loss_cls=dict(class_weight=[1.0] * num_classes + [0.1]),
        train_cfg=dict(num_points=1024),
    ),
)
train_cfg = dict(max_epochs=epochs, val_interval=4)
optim_wrapper = dict(optimizer=dict(lr=1e-3), clip_grad=dict(max_norm=1.0))
param_scheduler = [dict(type='PolyLR', eta_min=0, power=0.9, begin=0, end=epochs, convert_to_iter_based=True)]
default_hooks = dict(logger=dict(interval=10))
