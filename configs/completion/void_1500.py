# Table 2: VOID, 1500 sparse points, no cap on depth (the table's "Max Depth 5 m" may name one, or the data's reach).
_base_ = '../_base_/completion.py'
test_dataloader = dict(
    dataset=dict(
        type='mmvd.VOIDDataset',
        data_root='{{$MMVD_DATA:data}}/void_release',
        points=1500,
        pipeline={{_base_.given_pipeline}},
    )
)
test_evaluator = dict(test_set='VOID test, 1500 points')
# The paper's VD(Norm) row (norm_m) can only be in metres (facts 11).
paper = dict(rmse_mm=dict(omnivore=738.1, scratch=161.9, eva02=117.2, dinov2=88.3), norm_m=1.144)
