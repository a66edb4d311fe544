# Table 4, SUN RGB-D: Omnivore, RGB alone.
_base_ = './m2f_omnivore_sunrgbd.py'
model = dict(backbone=dict(out='rgb'))
