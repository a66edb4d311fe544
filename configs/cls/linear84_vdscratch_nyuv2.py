# Table 3, NYUv2 scenes: VD(PDE) without RGB pretraining, with depth.
_base_ = './linear84_vd_nyuv2.py'
model = dict(backbone=dict(init_cfg=dict(checkpoint='{{$MMVD_WEIGHTS:weights}}/vd_scratch_pde.pth')))
