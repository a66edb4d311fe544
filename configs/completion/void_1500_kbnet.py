# VOID, 1500 sparse points, by KBNet's rule: truth within 0.2 and 5 m counts.
_base_ = './void_1500.py'
test_evaluator = dict(min_depth_m=0.2, cap_m=5.0)
paper = dict(_delete_=True)
