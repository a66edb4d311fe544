# Second stage at 448 px of "EVA-02 +VD(PDE)", from the last checkpoint of pretrain_eva02_pde.py.
_base_ = './pretrain_dinov2_pde_448.py'
load_from = 'work_dirs/pretrain_eva02_pde/epoch_100.pth'
model = dict(
    data_preprocessor=dict(mean=(122.771, 116.746, 104.094), std=(68.501, 66.632, 70.323)),
    backbone=dict(arch=None, rgb=dict(type='mmvd.TimmStream', model_name='eva02_base_patch14_224')),
)
