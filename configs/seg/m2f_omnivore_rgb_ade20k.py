# Table 4, ADE20K: Omnivore, RGB alone.
_base_ = './m2f_omnivore_ade20k.py'
model = dict(backbone=dict(out='rgb'))
