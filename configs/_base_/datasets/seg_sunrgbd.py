# SUN RGB-D, 37 classes, sensor depth: made by tools/dataset_converters/sunrgbd.py. paper_compat=True reads depth at
# twice its value.
_base_ = './seg.py'
dataset = dict(type='mmvd.SUNRGBDSegDataset', data_root='{{$MMVD_DATA:data}}/sunrgbd')
train_dataloader = dict(dataset=dict(dataset, ann_file='train.txt'))
val_dataloader = dict(dataset=dict(dataset, ann_file='test.txt'))
test_dataloader = val_dataloader
