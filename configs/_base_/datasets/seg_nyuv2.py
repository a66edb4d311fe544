# NYUv2, 40 classes, sensor depth: made by tools/dataset_converters/nyuv2.py.
_base_ = './seg.py'
dataset = dict(type='mmvd.NYUv2SegDataset', data_root='{{$MMVD_DATA:data}}/nyuv2')
train_dataloader = dict(dataset=dict(dataset, split='train'))
val_dataloader = dict(dataset=dict(dataset, split='test'))
test_dataloader = val_dataloader
