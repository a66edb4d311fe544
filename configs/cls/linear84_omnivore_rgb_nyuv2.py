# Table 3, NYUv2 scenes: Omnivore, RGB alone.
_base_ = './linear84_omnivore_nyuv2.py'
model = dict(backbone=dict(out='rgb'))
