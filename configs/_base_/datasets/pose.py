# What all pose sets share: 480x640 images at 490x644, multiples of the patch; colour alone is augmented (paper A.7).
size = (490, 644)
pack = dict(type='mmvd.PackRGBDInputs', packer=dict(type='mmvd.PackPoseInputs', max_queries=30))
load = [
    dict(type='mmvd.LoadImage'),
    dict(type='mmvd.LoadDepth'),
    # the authors' code: visible boxes; PoET: box='whole', and jitter=0.5 in its mode of that name
    dict(type='mmvd.LoadAnnotatedBoxes', box='visible'),
    dict(type='mmvd.RGBDResize', size=size, interpolation='bicubic'),
]
train_pipeline = [
    *load,
    dict(type='mmvd.RandomColorJitter', brightness=0.3, contrast=0.3, saturation=0.3, hue=0.0),
    pack,
]
test_pipeline = [*load, pack]
train_dataloader = dict(
    batch_size=48,
    num_workers=16,
    persistent_workers=True,
    pin_memory=True,
    drop_last=True,
    sampler=dict(type='mmvd.EpochSampler', shuffle=True, samples_per_epoch=48000),
    dataset=dict(pipeline=train_pipeline),
)
val_dataloader = dict(
    batch_size=16,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type='mmvd.EpochSampler', shuffle=False, seed=0),
    dataset=dict(pipeline=test_pipeline),
)
test_dataloader = val_dataloader
