# Table 3, ImageNet-1k: Omnivore, RGB alone.
_base_ = './linear84_omnivore_imagenet.py'
model = dict(backbone=dict(out='rgb'))
