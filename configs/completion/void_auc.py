# Table 1: mean RMSE over densities, VOID test, its truth thinned.
_base_ = '../_base_/completion_auc.py'
test_dataloader = dict(
    dataset=dict(
        type='mmvd.VOIDDataset',
        data_root='{{$MMVD_DATA:data}}/void_release',
        points=1500,
        dense=True,
        pipeline={{_base_.dense_pipeline}},
        test_mode=True,
    )
)
test_evaluator = dict(test_set='VOID test, its truth thinned')
