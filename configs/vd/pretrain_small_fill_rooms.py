# The model inside the package (`make model`): more rooms at camera size, with and without the sensor model and with
# colours that say nothing, in crops from wide to narrow; about an hour on one CPU core, another one renders.
_base_ = './pretrain_tiny_fill_rooms.py'
size, epochs = 128, 26
model = dict(backbone=dict(patch_size=16, img_size=size))
train_pipeline = [
    dict(type='Compose', transforms={{_base_.load}}),
    dict(type='mmvd.RGBDRandomResizedCrop', size=size, scale=(0.06, 1.0), pad=False),
    dict(type='mmvd.ThreeAugment', prob=0.3),
    dict(type='Compose', transforms={{_base_.augment}}),
]
rooms = dict(type='mmvd.SyntheticRooms', length=300, size=(240, 320), exact_target=True, cache=True)
train_dataloader = dict(
    dataset=dict(
        datasets=dict(
            _delete_=True,
            exact=dict(rooms, seed=1),
            colours=dict(rooms, seed=2, shuffle_textures=True),
            sensor=dict(rooms, seed=3, sensor=True),
        ),
        pipeline=train_pipeline,
    )
)
val_dataloader = dict(batch_size=4, dataset=dict(dataset=dict(length=16, seed=900, size=(240, 320))))
test_dataloader = val_dataloader
train_cfg = dict(max_epochs=epochs, val_interval=13)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=True, begin=0, end=1, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', eta_min=1e-5, by_epoch=True, begin=1, end=epochs, convert_to_iter_based=True),
]
