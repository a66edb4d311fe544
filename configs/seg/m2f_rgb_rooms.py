# RGB-only twin of m2f_vd_rooms.py: the RGB stream of the same encoder, alone.
_base_ = './m2f_vd_rooms.py'
model = dict(backbone=dict(out='rgb'), decode_head=dict(in_channels=[96] * 4))
