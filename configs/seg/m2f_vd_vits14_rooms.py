# Rooms segmentation on the frozen encoder of configs/vd/pretrain_vits14_rooms.py: what is RGB pretraining worth? Its
# twin: --cfg-options model.backbone.init_cfg.checkpoint=CHECKPOINT_OF_THE_RANDOM_TWIN
_base_ = './m2f_vd_rooms.py'
epochs = 4
model = dict(
    data_preprocessor=dict(size_divisor=14),
    backbone=dict(
        arch='small',
        patch_size=14,
        img_size=518,
        init_cfg=dict(checkpoint='work_dirs/ablation/pretrain_vits14_rooms/dinov2_pde32_fix_15m_0/epoch_3.pth'),
    ),
    decode_head=dict(in_channels=[768] * 4),
)
train_cfg = dict(max_epochs=epochs, val_interval=epochs)
param_scheduler = [dict(type='PolyLR', eta_min=0, power=0.9, begin=0, end=epochs, convert_to_iter_based=True)]
