# What all classification sets share: 224 px, augmentations of paper A.5, batch 128; a tenth of the training set is held
# out to choose the head.
pack = dict(
    type='mmvd.PackRGBDInputs',
    packer=dict(type='mmpretrain.PackInputs', meta_keys=('img_path', 'ori_shape', 'img_shape', 'split', 'sample_idx')),
)
train_pipeline = [
    dict(type='mmvd.LoadImage'),
    dict(type='mmvd.LoadDepth'),
    dict(type='mmvd.RGBDRandomResizedCrop', size=224, pad=False, interpolation='bicubic'),
    dict(type='mmvd.RGBDRandomFlip', horizontal=0.5),
    dict(type='mmvd.RandomColorJitter', brightness=0.3, contrast=0.3, saturation=0.3, hue=0.0),
    dict(type='mmvd.ThreeAugment'),
    pack,
]
test_pipeline = [
    dict(type='mmvd.LoadImage'),
    dict(type='mmvd.LoadDepth'),
    dict(type='mmvd.RGBDResize', size=256, interpolation='bicubic'),
    dict(type='mmvd.RGBDCenterCrop', size=224),
    pack,
]
global_batch_size = 128  # of all processes together; another one is warned of
train_dataloader = dict(
    batch_size=128,
    num_workers=8,
    persistent_workers=True,
    pin_memory=True,
    drop_last=True,
    sampler=dict(type='mmvd.EpochSampler', shuffle=True, samples_per_epoch=12800),  # an "epoch" of 100 steps
    dataset=dict(part='train', pipeline=train_pipeline),
)
val_dataloader = dict(
    batch_size=128,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type='mmvd.EpochSampler', shuffle=False, seed=0),
    dataset=dict(type='mmvd.KeyedConcat', pipeline=test_pipeline),
)
test_dataloader = val_dataloader
