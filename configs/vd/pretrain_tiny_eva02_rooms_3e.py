# EVA-02's architecture, small and at random, at the budget of pretrain_tiny_pde_rooms_3e.py.
_base_ = './pretrain_tiny_pde_rooms_3e.py'
width = 96
small = dict(embed_dim=width, depth=4, num_heads=4)
model = dict(
    data_preprocessor=dict(mean=(122.771, 116.746, 104.094), std=(68.501, 66.632, 70.323)),
    backbone=dict(
        arch=None,
        patch_size=None,
        img_size=None,
        rgb=dict(
            type='mmvd.TimmStream',
            model_name='eva02_base_patch14_224',
            img_size=112,
            model_args=dict(small, patch_size=8),
        ),
    ),
)
