# Table 3, SUN RGB-D scenes: Omnivore, RGB alone.
_base_ = './linear84_omnivore_sunrgbd.py'
model = dict(backbone=dict(out='rgb'))
