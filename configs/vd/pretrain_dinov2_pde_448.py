# Second stage at 448 px, from the first stage's last checkpoint (the paper gives neither its length nor its rate: the
# recipe is kept).
_base_ = './pretrain_dinov2_pde.py'
load_from = 'work_dirs/pretrain_dinov2_pde/epoch_100.pth'
model = dict(backbone=dict(init_cfg=None))  # load_from fills every tensor, or StrictLoadHook refuses it
train_pipeline = [
    dict(type='Compose', transforms={{_base_.load}}),
    dict(type='mmvd.RGBDRandomResizedCrop', size=448),
    dict(type='Compose', transforms={{_base_.augment}}),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(dataset=dict(size=(448, 448))))
test_dataloader = val_dataloader
