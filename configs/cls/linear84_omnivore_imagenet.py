# Table 3, ImageNet-1k: Omnivore with RGB and depth, its pooled feature.
_base_ = ['./linear84_vd_imagenet.py', '../_base_/encoders/omnivore.py']
model = dict(
    data_preprocessor={{_base_.preprocessor}},
    backbone={{_base_.pooled_encoder}},
    head=dict(in_channels={{_base_.pooled_channels}}),
)
