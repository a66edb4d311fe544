# The paper's recipe: DINOv2 ViT-B/14 frozen, PDE with 32 channels over 15 m, 224 px, batch 128, 100 x 20 000 samples of
# nine datasets.
_base_ = [
    '../_base_/models/vd_dinov2_base.py',
    '../_base_/datasets/vd_nine.py',
    '../_base_/schedules/vd_100e.py',
    '../_base_/default_runtime.py',
]
