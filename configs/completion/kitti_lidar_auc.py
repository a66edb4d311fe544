# KITTI's raw lidar, projected by tools/dataset_converters/kitti_lidar.py, and thinned.
_base_ = '../_base_/completion_auc.py'
test_dataloader = dict(
    dataset=dict(
        type='mmvd.RGBDDataset',
        data_root='{{$MMVD_DATA:data}}/kitti_object',
        decoder='div256',
        images='training/image_2/*.png',
        depth_from=('image_2', 'velodyne_depth'),
        pipeline={{_base_.dense_pipeline}},
        test_mode=True,
    )
)
test_evaluator = dict(test_set='KITTI object training, raw lidar projected and thinned')
