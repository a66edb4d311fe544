# Half of pretrain_tiny_pde_rooms.py: the budget of the comparisons in docs/guides/comparisons.md.
_base_ = './pretrain_tiny_pde_rooms.py'
train_cfg = dict(max_epochs=3)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=True, begin=0, end=1, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', eta_min=1e-5, by_epoch=True, begin=1, end=3, convert_to_iter_based=True),
]
