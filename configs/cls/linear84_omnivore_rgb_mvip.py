# Table 3, MVIP: Omnivore, RGB alone.
_base_ = './linear84_omnivore_mvip.py'
model = dict(backbone=dict(out='rgb'))
