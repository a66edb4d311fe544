# The twin of pretrain_vits14_rooms.py whose frozen RGB stream is random: what is RGB pretraining worth?
_base_ = './pretrain_vits14_rooms.py'
model = dict(backbone=dict(init_cfg=None))
