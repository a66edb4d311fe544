# Second stage at 448 px of "+VD(P3DE)", from the last checkpoint of ablation/dinov2_p3de32_fix_15m.py.
_base_ = ['./pretrain_dinov2_pde_448.py', '../_base_/encoders/p3de.py']
load_from = 'work_dirs/dinov2_p3de32_fix_15m/epoch_100.pth'
model = {{_base_.vd_model}}
