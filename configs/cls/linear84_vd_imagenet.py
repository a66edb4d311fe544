# Table 3: 84 linear probes on frozen VD (DINOv2, PDE), ImageNet-1k with monocular depth, batch 1024, 12 500 steps.
_base_ = [
    '../_base_/models/linear84_vd_dinov2_base.py',
    '../_base_/datasets/cls_imagenet.py',
    '../_base_/schedules/linear_1k.py',
    '../_base_/cls_runtime.py',
]
global_batch_size, steps = 1024, 1250  # and ten epochs
model = dict(head=dict(num_classes=1000, lr_scale=global_batch_size / 256))
train_dataloader = dict(batch_size=global_batch_size, sampler=dict(samples_per_epoch=global_batch_size * steps))
