# Omnivore's architecture, small, at random and therefore trained, at the budget of pretrain_tiny_pde_rooms_3e.py.
_base_ = './pretrain_tiny_pde_rooms_3e.py'
encoding = dict(
    type='mmvd.DisparityEncoding', focal_px=201.6, baseline_m=0.05, mean=0.0418, std=0.0295, max_disparity_px=75.0
)
model = dict(
    data_preprocessor=dict(depth_encoding=encoding),
    backbone=dict(
        _delete_=True,
        type='mmvd.OmnivoreSwin3D',
        embed_dims=32,
        depths=(1, 1, 2, 1),
        num_heads=(1, 2, 4, 8),
        depth_encoding=encoding,
        frozen='none',
        strides=(2, 4, 8, 16),
    ),
    head=dict(in_channels=[64, 128, 256, 256]),
)
