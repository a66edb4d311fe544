# COCO-Stuff 164k, 171 classes, monocular depth by tools/dataset_converters/predict_depth.py.
_base_ = './seg.py'
dataset = dict(type='mmvd.COCOStuffRGBDDataset', data_root='{{$MMVD_DATA:data}}/coco_stuff164k')
train_dataloader = dict(dataset=dict(dataset, split='train2017'))
val_dataloader = dict(dataset=dict(dataset, split='val2017'))
test_dataloader = val_dataloader
