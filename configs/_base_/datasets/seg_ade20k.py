# ADE20K, 150 classes, monocular depth by tools/dataset_converters/predict_depth.py.
_base_ = './seg.py'
dataset = dict(type='mmvd.ADE20KRGBDDataset', data_root='{{$MMVD_DATA:data}}/ade/ADEChallengeData2016')
train_dataloader = dict(dataset=dict(dataset, split='training'))
val_dataloader = dict(dataset=dict(dataset, split='validation'))
test_dataloader = val_dataloader
