# Table 3: 84 linear probes on frozen VD (DINOv2, PDE), MVIP parts.
_base_ = [
    '../_base_/models/linear84_vd_dinov2_base.py',
    '../_base_/datasets/cls_mvip.py',
    '../_base_/schedules/linear_1k.py',
    '../_base_/cls_runtime.py',
]
model = dict(head=dict(num_classes=308))
