# Table 4: Mask2Former on frozen VD (DINOv2, PDE), COCO-Stuff 164k with monocular depth.
_base_ = [
    '../_base_/models/m2f_vd_dinov2_base.py',
    '../_base_/datasets/seg_cocostuff.py',
    '../_base_/schedules/m2f_30k.py',
    '../_base_/seg_runtime.py',
]
num_classes = 171
model = dict(decode_head=dict(num_classes=num_classes, loss_cls=dict(class_weight=[1.0] * num_classes + [0.1])))
