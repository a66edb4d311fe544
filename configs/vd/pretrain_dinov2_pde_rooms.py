# The paper's model on the built-in rooms: needs the DINOv2 weights, no dataset.
_base_ = [
    '../_base_/models/vd_dinov2_base.py',
    '../_base_/datasets/rooms_train.py',
    '../_base_/schedules/vd_100e.py',
    '../_base_/default_runtime.py',
]
