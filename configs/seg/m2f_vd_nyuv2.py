# Table 4: Mask2Former on frozen VD (DINOv2, PDE), NYUv2.
_base_ = [
    '../_base_/models/m2f_vd_dinov2_base.py',
    '../_base_/datasets/seg_nyuv2.py',
    '../_base_/schedules/m2f_20k.py',
    '../_base_/seg_runtime.py',
]
num_classes = 40
model = dict(decode_head=dict(num_classes=num_classes, loss_cls=dict(class_weight=[1.0] * num_classes + [0.1])))
