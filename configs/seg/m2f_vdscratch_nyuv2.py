# VD without RGB pretraining: the encoder of configs/vd/pretrain_scratch_pde.py, both streams trained by depth
# completion alone.
_base_ = './m2f_vd_nyuv2.py'
model = dict(backbone=dict(init_cfg=dict(checkpoint='{{$MMVD_WEIGHTS:weights}}/vd_scratch_pde.pth')))
