# Paper A.6: 30 000 steps for the larger datasets.
_base_ = './m2f_20k.py'
epochs = 30
train_cfg = dict(max_epochs=epochs)
param_scheduler = [dict(type='PolyLR', eta_min=0, power=0.9, begin=0, end=epochs, convert_to_iter_based=True)]
