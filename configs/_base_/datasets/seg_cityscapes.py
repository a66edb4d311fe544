# Cityscapes, 19 classes, stereo depth cut at 150 m: official archives, labels by tools/dataset_converters/label_ids.py.
_base_ = './seg.py'
dataset = dict(type='mmvd.CityscapesRGBDDataset', data_root='{{$MMVD_DATA:data}}/cityscapes')
train_dataloader = dict(dataset=dict(dataset, split='train'))
val_dataloader = dict(dataset=dict(dataset, split='val'))
test_dataloader = val_dataloader
