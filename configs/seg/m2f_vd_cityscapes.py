# Table 4: Mask2Former on frozen VD (DINOv2, PDE), Cityscapes (20 000 steps as the authors' code; the paper is silent).
_base_ = [
    '../_base_/models/m2f_vd_dinov2_base.py',
    '../_base_/datasets/seg_cityscapes.py',
    '../_base_/schedules/m2f_20k.py',
    '../_base_/seg_runtime.py',
]
num_classes = 19
model = dict(decode_head=dict(num_classes=num_classes, loss_cls=dict(class_weight=[1.0] * num_classes + [0.1])))
