# Table 4, NYUv2: Omnivore with RGB and depth.
_base_ = ['./m2f_vd_nyuv2.py', '../_base_/encoders/omnivore.py']
model = {{_base_.seg_model}}
train_dataloader = dict(dataset=dict(pipeline={{_base_.train_pipeline_512}}))
val_dataloader = dict(dataset=dict(pipeline={{_base_.test_pipeline_512}}))
test_dataloader = val_dataloader
