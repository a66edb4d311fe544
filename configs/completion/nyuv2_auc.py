# Table 1: mean RMSE over densities, NYUv2 test, sensor depth.
_base_ = '../_base_/completion_auc.py'
test_dataloader = dict(
    dataset=dict(
        type='mmvd.RGBDDataset',
        data_root='{{$MMVD_DATA:data}}/nyuv2',
        decoder='mm16',
        images='test/images/*_rgb.png',
        depth_from=(r'images/(.*)_rgb\.png', r'depth/\1_depth.png'),
        pipeline={{_base_.dense_pipeline}},
        test_mode=True,
    )
)
test_evaluator = dict(test_set='NYUv2 test, sensor depth')
