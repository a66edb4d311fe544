# MVIP, 308 parts, each view a sample: the official archive.
_base_ = './cls.py'
dataset = dict(type='mmvd.MVIPDataset', data_root='{{$MMVD_DATA:data}}/mvip')
train_dataloader = dict(dataset=dict(dataset, images='*/train_data/*/*/cam_*/*_rgb.png', part='all'))
val_dataloader = dict(
    dataset=dict(
        datasets=[
            dict(dataset, images='*/valid_data/*/cam_*/*_rgb.png', split='holdout'),
            dict(dataset, images='*/test_data/*/cam_*/*_rgb.png'),
        ]
    )
)
test_dataloader = val_dataloader
