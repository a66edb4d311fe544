# Table 1: mean RMSE over densities, LineMod test: all its scenes, of which pretraining reads all but that of LM-O
# (LineMod has no real training images in BOP's layout).
_base_ = '../_base_/completion_auc.py'
test_dataloader = dict(
    dataset=dict(
        type='mmvd.BOPDataset',
        data_root='{{$MMVD_DATA:data}}/lm',
        split='test',
        pipeline={{_base_.dense_pipeline}},
        test_mode=True,
    )
)
test_evaluator = dict(test_set='LineMod test')
