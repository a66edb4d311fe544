# Paper A.6: 20 000 steps, as 20 epochs of 1000 that can be resumed; optimizer of Mask2Former and of the authors' code.
epochs = 20
train_cfg = dict(type='mmvd.ResumableEpochLoop', max_epochs=epochs, val_interval=1)
val_cfg = dict()
test_cfg = dict()
no_decay = dict(decay_mult=0.0)
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-4, weight_decay=0.05),
    clip_grad=dict(max_norm=0.01),
    paramwise_cfg=dict(
        custom_keys=dict(query_embed=no_decay, query_feat=no_decay, level_embed=no_decay), norm_decay_mult=0.0
    ),
)
param_scheduler = [dict(type='PolyLR', eta_min=0, power=0.9, begin=0, end=epochs, convert_to_iter_based=True)]
