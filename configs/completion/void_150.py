# Table 2: VOID, 150 sparse points, no cap on depth (the paper names none).
_base_ = './void_1500.py'
test_dataloader = dict(dataset=dict(points=150))
test_evaluator = dict(test_set='VOID test, 150 points')
# The paper's VD(Norm) row (norm_m) can only be in metres (facts 11).
paper = dict(rmse_mm=dict(omnivore=787.3, scratch=297.8, eva02=195.5, dinov2=134.8), norm_m=1.1562)
