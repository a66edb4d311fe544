# A frozen, really pretrained ViT-S/14 (make real-frames brings its weights) on the built-in rooms, minutes on a CPU.
_base_ = './pretrain_tiny_pde_rooms_3e.py'
model = dict(
    backbone=dict(
        arch='small',
        patch_size=14,
        img_size=518,
        frozen='rgb',
        init_cfg=dict(
            _delete_=True, type='Pretrained', checkpoint='{{$MMVD_WEIGHTS:weights}}/vits14_imgfocus.safetensors'
        ),
    ),
    head=dict(in_channels=384),
)
optim_wrapper = dict(optimizer=dict(lr=5e-4))
