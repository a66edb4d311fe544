# The six datasets of the paper's Table 6 that pretraining does not see.
six = dict(
    kitti=dict(type='mmvd.KITTIRawDataset', data_root='{{$MMVD_DATA:data}}/kitti', split='val'),
    sunrgbd=dict(type='mmvd.SUNRGBDSegDataset', data_root='{{$MMVD_DATA:data}}/sunrgbd', ann_file='test.txt'),
    void=dict(type='mmvd.VOIDDataset', data_root='{{$MMVD_DATA:data}}/void_release', points=1500, dense=True),
    homebrew=dict(type='mmvd.BOPDataset', data_root='{{$MMVD_DATA:data}}/hb', split='test_primesense'),
    mvip=dict(
        type='mmvd.MVIPDataset',
        data_root='{{$MMVD_DATA:data}}/mvip',
        images='*/test_data/*/cam_*/*_rgb.png',
    ),
    lmo=dict(type='mmvd.BOPDataset', data_root='{{$MMVD_DATA:data}}/lmo', split='test'),
)
