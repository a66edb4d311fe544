# ImageNet-1k in class folders, monocular depth by tools/dataset_converters/predict_depth.py.
_base_ = './cls.py'
dataset = dict(type='mmvd.ImageNetRGBDDataset', data_root='{{$MMVD_DATA:data}}/imagenet')
train_dataloader = dict(dataset=dict(dataset, images='train/*/*.JPEG', holdout=0.02))
val_dataloader = dict(
    dataset=dict(
        datasets=[
            dict(dataset, images='train/*/*.JPEG', part='holdout', holdout=0.02, split='holdout'),
            dict(dataset, images='val/*/*.JPEG'),
        ]
    )
)
test_dataloader = val_dataloader
