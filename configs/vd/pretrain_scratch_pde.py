# The paper's row without RGB pretraining: both streams start at random and are trained.
_base_ = './pretrain_dinov2_pde.py'
model = dict(backbone=dict(frozen='none', init_cfg=None))
