# For tests: seconds. Random encoder, asked for by name.
_base_ = './m2f_vd_rooms.py'
width = 32
attention = dict(embed_dims=width, num_heads=2)
ffn = dict(embed_dims=width, feedforward_channels=width)
model = dict(
    backbone=dict(arch=dict(embed_dims=width, num_heads=2), img_size=56, init_cfg=dict(_delete_=True, type='Random')),
    decode_head=dict(
        in_channels=[2 * width] * 4,
        feat_channels=width,
        out_channels=width,
        num_queries=10,
        pixel_decoder=dict(
            positional_encoding=dict(num_feats=width // 2),
            encoder=dict(layer_cfg=dict(self_attn_cfg=attention, ffn_cfg=ffn)),
        ),
        positional_encoding=dict(num_feats=width // 2),
        transformer_decoder=dict(
            num_layers=1, layer_cfg=dict(self_attn_cfg=attention, cross_attn_cfg=attention, ffn_cfg=ffn)
        ),
        train_cfg=dict(num_points=128),
    ),
)
size = (56, 56)
train_dataloader = dict(
    batch_size=2,
    num_workers=0,
    persistent_workers=False,
    sampler=dict(samples_per_epoch=4),
    dataset=dict(length=4, size=size),
)
val_dataloader = dict(batch_size=2, dataset=dict(length=3, size=size))
test_dataloader = val_dataloader
train_cfg = dict(max_epochs=1, val_interval=1)
default_hooks = dict(logger=dict(interval=1))
