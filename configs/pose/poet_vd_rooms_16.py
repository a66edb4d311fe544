# Sixteen images by heart, judged on themselves: what encoder and head can at best. No augmentation.
_base_ = './poet_vd_rooms.py'
images = dict(
    indices=16, min_visib_fract=0.1, pipeline=[dict(type='Compose', transforms={{_base_.load}}), {{_base_.pack}}]
)
train_dataloader = dict(sampler=dict(samples_per_epoch=160), dataset=images)
val_dataloader = dict(dataset=dict(images, split='train'))
test_dataloader = val_dataloader
test_evaluator = dict(targets=None, submission=None)
train_cfg = dict(max_epochs=40, val_interval=20)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=50),
    dict(type='CosineAnnealingLR', eta_min=1e-5, by_epoch=True, begin=0, end=40, convert_to_iter_based=True),
]
