# Table 2: VOID, 500 sparse points, no cap on depth (the paper names none).
_base_ = './void_1500.py'
test_dataloader = dict(dataset=dict(points=500))
test_evaluator = dict(test_set='VOID test, 500 points')
# The paper's VD(Norm) row (norm_m) can only be in metres (facts 11).
paper = dict(rmse_mm=dict(omnivore=835.1, scratch=244.2, eva02=160.2, dinov2=111.8), norm_m=1.1656)
