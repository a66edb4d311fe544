# Table 4: Mask2Former on frozen VD (DINOv2, PDE), SUN RGB-D.
_base_ = [
    '../_base_/models/m2f_vd_dinov2_base.py',
    '../_base_/datasets/seg_sunrgbd.py',
    '../_base_/schedules/m2f_20k.py',
    '../_base_/seg_runtime.py',
]
