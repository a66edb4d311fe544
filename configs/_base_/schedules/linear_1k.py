# Paper A.5: 1000 steps; optimizer and schedule of DINOv2's linear evaluation. The rates of the heads are in the head:
# see LinearProbeHead.
train_cfg = dict(type='mmvd.ResumableEpochLoop', max_epochs=10, val_interval=1)
val_cfg = dict()
test_cfg = dict()
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=1.0, momentum=0.9, weight_decay=0.0))
param_scheduler = [
    dict(type='CosineAnnealingLR', eta_min=0.0, by_epoch=True, begin=0, end=10, T_max=10, convert_to_iter_based=True)
]
