# Table 1: mean RMSE over densities, Cityscapes val, stereo up to 150 m.
_base_ = '../_base_/completion_auc.py'
test_dataloader = dict(
    dataset=dict(
        type='mmvd.CityscapesDepthDataset',
        data_root='{{$MMVD_DATA:data}}/cityscapes',
        images='leftImg8bit/val/*/*_leftImg8bit.png',
        pipeline={{_base_.dense_pipeline}},
        test_mode=True,
    )
)
test_evaluator = dict(test_set='Cityscapes val, stereo up to 150 m')
