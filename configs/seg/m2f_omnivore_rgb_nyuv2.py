# Table 4, NYUv2: Omnivore, RGB alone.
_base_ = './m2f_omnivore_nyuv2.py'
model = dict(backbone=dict(out='rgb'))
