# Table 5: the same head on frozen DINOv2 alone.
_base_ = ['./poet_vd_lmo.py', '../_base_/encoders/dinov2_rgb.py']
model = {{_base_.pose_model}}
test_evaluator = dict(submission='work_dirs/poet-rgb_lmo-test.csv')
