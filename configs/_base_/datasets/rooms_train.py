# Pretraining on built-in rooms.
_base_ = './rooms_val.py'
load = [dict(type='mmvd.RGBDRandomRotate')]
augment = [
    dict(type='mmvd.RGBDRandomFlip', horizontal=0.5, vertical=0.5),
    dict(type='mmvd.RandomColorJitter'),
    dict(type='mmvd.RandomGrayscale'),
    dict(type='mmvd.RequireDepth'),
    dict(type='mmvd.PackRGBDInputs'),
]
train_pipeline = [*load, dict(type='mmvd.RGBDRandomResizedCrop', size=224, scale=(0.25, 1.0)), *augment]
rooms = dict(type='mmvd.SyntheticRooms', length=20000, seed=0, size=(224, 224))
global_batch_size = 128  # of all processes together; another one is warned of
train_dataloader = dict(
    batch_size=128,
    num_workers=16,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type='mmvd.EpochSampler', shuffle=True),
    dataset=dict(type='mmvd.EvenMixture', datasets=dict(rooms=rooms), samples_per_epoch=20000, pipeline=train_pipeline),
)
