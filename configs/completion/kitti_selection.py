# Table 2: KITTI depth completion, the cropped selection set ("valid"), raw lidar as input.
_base_ = '../_base_/completion.py'
test_dataloader = dict(
    dataset=dict(
        type='mmvd.KITTICompletionDataset',
        data_root='{{$MMVD_DATA:data}}/kitti_depth',
        split='selection',
        pipeline={{_base_.given_pipeline}},
    )
)
test_evaluator = dict(test_set='KITTI depth completion, selection')
paper = dict(rmse_mm=dict(omnivore=8301.7, scratch=1698.9, eva02=1649.5, dinov2=1646.9), norm_m=5.2594)
