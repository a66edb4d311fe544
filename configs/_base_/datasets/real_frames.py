# Pretraining on some of the real frames, validation on the others.
_base_ = './frames.py'
size = 112
load = [dict(type='mmvd.LoadImage'), dict(type='mmvd.LoadDepth')]
augment = [
    dict(type='mmvd.RGBDRandomRotate'),
    dict(type='mmvd.RGBDRandomResizedCrop', size=size, scale=(0.3, 1.0)),
    dict(type='mmvd.RGBDRandomFlip'),
    dict(type='mmvd.RandomColorJitter'),
    dict(type='mmvd.RandomGrayscale'),
    dict(type='mmvd.RequireDepth'),
    dict(type='mmvd.PackRGBDInputs'),
]
train_dataloader = dict(
    batch_size=8,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='mmvd.EpochSampler', shuffle=True),
    dataset=dict(
        type='mmvd.EvenMixture', datasets={{_base_.train_frames}}, samples_per_epoch=160, pipeline=[*load, *augment]
    ),
)
val_pipeline = [*load, dict(type='mmvd.RGBDResize', size=size, divisor=14), dict(type='mmvd.PackRGBDInputs')]
val_dataloader = dict(
    batch_size=1,  # aspect ratios differ, and padding would enter the attention
    num_workers=0,
    sampler=dict(type='mmvd.EpochSampler', shuffle=False, seed=0),
    dataset=dict(
        type='mmvd.WithPartnerImage',
        dataset=dict(type='mmvd.KeyedConcat', datasets={{_base_.val_frames}}, pipeline=val_pipeline),
    ),
)
val_evaluator = dict(type='mmvd.DepthCompletionMetric')
test_dataloader = val_dataloader
test_evaluator = val_evaluator
