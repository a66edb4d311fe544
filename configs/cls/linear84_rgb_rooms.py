# RGB-only twin of linear84_vd_rooms.py: the RGB stream of the same encoder, alone.
_base_ = './linear84_vd_rooms.py'
model = dict(backbone=dict(out='rgb'), head=dict(in_channels=96))
