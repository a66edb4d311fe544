# NYUv2, 10 scenes: lists made by tools/dataset_converters/nyuv2.py.
_base_ = './cls.py'
dataset = dict(type='mmvd.NYUv2SceneDataset', data_root='{{$MMVD_DATA:data}}/nyuv2')
train_dataloader = dict(dataset=dict(dataset, ann_file='scenes_train.txt'))
val_dataloader = dict(
    dataset=dict(
        datasets=[
            dict(dataset, ann_file='scenes_train.txt', part='holdout', split='holdout'),
            dict(dataset, ann_file='scenes_test.txt'),
        ]
    )
)
test_dataloader = val_dataloader
