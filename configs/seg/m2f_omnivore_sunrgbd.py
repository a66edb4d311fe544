# Table 4, SUN RGB-D: Omnivore with RGB and depth.
_base_ = ['./m2f_vd_sunrgbd.py', '../_base_/encoders/omnivore.py']
model = dict(
    data_preprocessor={{_base_.seg_preprocessor}},
    backbone={{_base_.encoder}},
    decode_head=dict(in_channels={{_base_.channels}}),
)
train_dataloader = dict(dataset=dict(pipeline={{_base_.train_pipeline_512}}))
val_dataloader = dict(dataset=dict(pipeline={{_base_.test_pipeline_512}}))
test_dataloader = val_dataloader
