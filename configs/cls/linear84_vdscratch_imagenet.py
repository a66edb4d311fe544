# Table 3, ImageNet-1k: VD(PDE) without RGB pretraining, with depth.
_base_ = './linear84_vd_imagenet.py'
model = dict(backbone=dict(init_cfg=dict(checkpoint='{{$MMVD_WEIGHTS:weights}}/vd_scratch_pde.pth')))
