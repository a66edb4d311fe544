# The authors' code: Adam, 50 000 steps of 48, 5e-5 for the sampling offsets of the deformable attention, a tenth of
# all from 40 000 on, no clipping. In place of poet_90k.py in the list of bases.
_base_ = './poet_90k.py'
epochs = 50
train_cfg = dict(max_epochs=epochs)
optim_wrapper = dict(
    optimizer=dict(type='Adam'),
    clip_grad=None,
    paramwise_cfg=dict(custom_keys=dict(sampling_offsets=dict(lr_mult=0.25))),
)
param_scheduler = [dict(type='MultiStepLR', by_epoch=True, milestones=[40], gamma=0.1)]
