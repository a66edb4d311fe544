# Paper A.7: 90 000 steps of 48 images, as 90 epochs of 1000 that can be resumed; rate 2e-4, 1e-5 for "the linear
# project layers", which we read as the sampling offsets of the deformable attention. AdamW and clipping are PoET's,
# the drop at the end is ours: the paper says nothing of them. The authors' code: poet_50k_authors.py.
steps_per_epoch, epochs = 1000, 90
global_batch_size = 48
train_cfg = dict(type='mmvd.ResumableEpochLoop', max_epochs=epochs, val_interval=10)
val_cfg = dict()
test_cfg = dict()
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=2e-4, weight_decay=1e-4),
    clip_grad=dict(max_norm=0.1),
    paramwise_cfg=dict(custom_keys=dict(sampling_offsets=dict(lr_mult=0.05))),
)
param_scheduler = [dict(type='MultiStepLR', by_epoch=True, milestones=[80], gamma=0.1)]
