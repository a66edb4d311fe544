# Built-in rooms with semantic labels; shuffle_textures=True makes colours that say nothing of the class.
size = (112, 112)
pack = dict(type='mmvd.PackRGBDInputs', packer=dict(type='mmseg.PackSegInputs'))
# of images that are files: what mmseg's own inference reads
test_pipeline = [dict(type='mmvd.LoadImage'), dict(type='mmvd.LoadDepth'), pack]
rooms = dict(type='mmvd.SyntheticRooms', size=size, cache=True)
train_dataloader = dict(
    batch_size=8,
    num_workers=1,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type='mmvd.EpochSampler', shuffle=True, samples_per_epoch=400),
    dataset=dict(rooms, length=256, seed=10, pipeline=[dict(type='mmvd.RGBDRandomFlip', horizontal=0.5), pack]),
)
val_dataloader = dict(
    batch_size=8,
    num_workers=0,
    sampler=dict(type='mmvd.EpochSampler', shuffle=False, seed=0),
    dataset=dict(rooms, length=64, seed=1010, test_mode=True, pipeline=[pack]),
)
val_evaluator = dict(type='mmseg.IoUMetric', iou_metrics=['mIoU'])
test_dataloader = val_dataloader
test_evaluator = val_evaluator
