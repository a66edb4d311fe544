# Table 5: VD with the encoding of points (P3DE).
_base_ = ['./poet_vd_lmo.py', '../_base_/encoders/p3de.py']
model = {{_base_.pose_model}}
test_evaluator = dict(submission='work_dirs/poet-vdp3de_lmo-test.csv')
