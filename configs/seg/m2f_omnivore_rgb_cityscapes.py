# Table 4, Cityscapes: Omnivore, RGB alone.
_base_ = './m2f_omnivore_cityscapes.py'
model = dict(backbone=dict(out='rgb'))
