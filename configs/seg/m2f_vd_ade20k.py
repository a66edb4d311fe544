# Table 4: Mask2Former on frozen VD (DINOv2, PDE), ADE20K with monocular depth.
_base_ = [
    '../_base_/models/m2f_vd_dinov2_base.py',
    '../_base_/datasets/seg_ade20k.py',
    '../_base_/schedules/m2f_30k.py',
    '../_base_/seg_runtime.py',
]
num_classes = 150
model = dict(decode_head=dict(num_classes=num_classes, loss_cls=dict(class_weight=[1.0] * num_classes + [0.1])))
