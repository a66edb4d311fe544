# The authors' code: Adam, 50 000 steps of 48, 5e-5 for the linear layers of the deformable attention, a tenth of all
# from 40 000 on, no clipping. In place of poet_90k.py in the list of bases.
steps_per_epoch, epochs = 1000, 50
global_batch_size = 48
train_cfg = dict(type='mmvd.ResumableEpochLoop', max_epochs=epochs, val_interval=10)
val_cfg = dict()
test_cfg = dict()
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='Adam', lr=2e-4, weight_decay=1e-4),
    paramwise_cfg=dict(custom_keys=dict(sampling_offsets=dict(lr_mult=0.25))),
)
param_scheduler = [dict(type='MultiStepLR', by_epoch=True, milestones=[40], gamma=0.1)]
