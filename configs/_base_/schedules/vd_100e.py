# Paper section 4: 100 epochs, Adam at 1e-5.
train_cfg = dict(type='mmvd.ResumableEpochLoop', max_epochs=100, val_interval=10)
val_cfg = dict()
test_cfg = dict()
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=1e-5))
