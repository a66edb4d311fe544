# Table 4, COCO-Stuff: Omnivore, RGB alone.
_base_ = './m2f_omnivore_cocostuff.py'
model = dict(backbone=dict(out='rgb'))
