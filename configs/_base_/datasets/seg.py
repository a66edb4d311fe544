# What all segmentation sets share: crops of 518 px, augmentations of paper A.6, batch 16, evaluation at original
# resolution.
# The shorter side is 518 px for all sets (A.6 names none; the authors' code has 640 and 512 px for Cityscapes, 480 px
# for NYUv2's test images).
crop_size = (518, 518)  # 37 x 37 patches of 14: nothing is resampled
train_pipeline = [
    dict(type='mmvd.LoadImage'),
    dict(type='mmvd.LoadDepth'),
    dict(type='mmvd.LoadLabels'),
    dict(type='mmvd.RGBDResize', size=518),
    dict(type='mmvd.RGBDRandomCrop', size=crop_size, cat_max_ratio=0.75),
    dict(type='mmvd.RGBDRandomFlip', horizontal=0.5),
    dict(type='mmvd.RandomColorJitter'),
    dict(type='mmvd.ThreeAugment', prob=0.5),
    dict(type='mmvd.PackRGBDInputs', packer=dict(type='mmseg.PackSegInputs')),
]
test_pipeline = [
    dict(type='mmvd.LoadImage'),
    dict(type='mmvd.LoadDepth'),
    dict(type='mmvd.RGBDResize', size=518, divisor=14),
    dict(type='mmvd.LoadLabels'),  # after the resize: labels keep the original resolution
    dict(type='mmvd.PackRGBDInputs', packer=dict(type='mmseg.PackSegInputs')),
]
global_batch_size = 16  # of all processes together; another one is warned of
train_dataloader = dict(
    batch_size=16,
    num_workers=8,
    persistent_workers=True,
    pin_memory=True,
    drop_last=True,
    sampler=dict(type='mmvd.EpochSampler', shuffle=True, samples_per_epoch=16000),  # an "epoch" of 1000 steps
    dataset=dict(pipeline=train_pipeline),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='mmvd.EpochSampler', shuffle=False, seed=0),
    dataset=dict(pipeline=test_pipeline, test_mode=True),
)
val_evaluator = dict(type='mmseg.IoUMetric', iou_metrics=['mIoU'])
test_dataloader = val_dataloader
test_evaluator = val_evaluator
