# Table 3, MVIP: VD(PDE) without RGB pretraining, with depth.
_base_ = './linear84_vd_mvip.py'
model = dict(backbone=dict(init_cfg=dict(checkpoint='{{$MMVD_WEIGHTS:weights}}/vd_scratch_pde.pth')))
