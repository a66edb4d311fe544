# A handful of real frames of several sensors (MMVD_TEST_DATA, see its SOURCES.md): for a first look at real data, never
# a benchmark.
# Training and validation never share a frame; emsanet and lmo are sensors and scenes that training never sees.
train_frames = dict(
    redwood=dict(
        type='mmvd.RGBDDataset',
        data_root='{{$MMVD_TEST_DATA:data/frames}}/redwood_open3d',
        decoder='mm16',
        images='color/0000[0-3].jpg',
        depth_from=(r'color/(.*)\.jpg', r'depth/\1.png'),
    ),
    tum=dict(
        type='mmvd.RGBDDataset',
        data_root='{{$MMVD_TEST_DATA:data/frames}}/tum',
        decoder='div5000',
        images='fr2_desk_1_color.png',
        depth_from=('_color', '_depth'),
    ),
    icl=dict(
        type='mmvd.RGBDDataset',
        data_root='{{$MMVD_TEST_DATA:data/frames}}/icl_nuim',
        decoder='div5000',
        images='color/[1-4].png',
        depth_from=('color/', 'depth/'),
    ),
    ycbv=dict(
        type='mmvd.RGBDDataset',
        data_root='{{$MMVD_TEST_DATA:data/frames}}/ycbv',
        decoder='div10000',
        images='00000[1-4]-color.png',
        depth_from=('-color', '-depth'),
    ),
    cleargrasp=dict(
        type='mmvd.RGBDDataset',
        data_root='{{$MMVD_TEST_DATA:data/frames}}/cleargrasp/real',
        decoder='exr',
        images='0000001[23]*-opaque-rgb-img.jpg',
        depth_from=(r'rgb-img\.jpg', 'depth-img.exr'),
    ),
)
val_frames = [
    dict(
        type='mmvd.RGBDDataset',
        data_root='{{$MMVD_TEST_DATA:data/frames}}/redwood_open3d',
        decoder='mm16',
        images='color/00004.jpg',
        depth_from=(r'color/(.*)\.jpg', r'depth/\1.png'),
    ),
    dict(
        type='mmvd.RGBDDataset',
        data_root='{{$MMVD_TEST_DATA:data/frames}}/tum',
        decoder='div5000',
        images='fr2_desk_2_color.png',
        depth_from=('_color', '_depth'),
    ),
    dict(
        type='mmvd.RGBDDataset',
        data_root='{{$MMVD_TEST_DATA:data/frames}}/icl_nuim',
        decoder='div5000',
        images='color/5.png',
        depth_from=('color/', 'depth/'),
    ),
    dict(
        type='mmvd.RGBDDataset',
        data_root='{{$MMVD_TEST_DATA:data/frames}}/ycbv',
        decoder='div10000',
        images='000005-color.png',
        depth_from=('-color', '-depth'),
    ),
    dict(
        type='mmvd.RGBDDataset',
        data_root='{{$MMVD_TEST_DATA:data/frames}}/cleargrasp/real',
        decoder='exr',
        images='000000153-opaque-rgb-img.jpg',
        depth_from=(r'rgb-img\.jpg', 'depth-img.exr'),
    ),
    dict(
        type='mmvd.RGBDDataset',
        data_root='{{$MMVD_TEST_DATA:data/frames}}/emsanet_sample',
        decoder='mm16',
        images='*_rgb.png',
        depth_from=('_rgb', '_depth'),
    ),
    dict(
        type='mmvd.RGBDDataset',
        data_root='{{$MMVD_TEST_DATA:data/frames}}/lmo',
        decoder='mm16',
        images='rgb.png',
        depth_from=('rgb', 'depth'),
    ),
]
size = 112
load = [dict(type='mmvd.LoadImage'), dict(type='mmvd.LoadDepth')]
augment = [
    dict(type='mmvd.RGBDRandomRotate'),
    dict(type='mmvd.RGBDRandomResizedCrop', size=size, scale=(0.3, 1.0)),
    dict(type='mmvd.RGBDRandomFlip'),
    dict(type='mmvd.RandomColorJitter'),
    dict(type='mmvd.RandomGrayscale'),
    dict(type='mmvd.RequireDepth'),
    dict(type='mmvd.PackRGBDInputs'),
]
train_dataloader = dict(
    batch_size=8,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='mmvd.EpochSampler', shuffle=True),
    dataset=dict(type='mmvd.EvenMixture', datasets=train_frames, samples_per_epoch=160, pipeline=[*load, *augment]),
)
val_pipeline = [*load, dict(type='mmvd.RGBDResize', size=size, divisor=14), dict(type='mmvd.PackRGBDInputs')]
val_dataloader = dict(
    batch_size=1,  # aspect ratios differ, and padding would enter the attention
    num_workers=0,
    sampler=dict(type='mmvd.EpochSampler', shuffle=False, seed=0),
    dataset=dict(
        type='mmvd.WithPartnerImage', dataset=dict(type='mmvd.KeyedConcat', datasets=val_frames, pipeline=val_pipeline)
    ),
)
val_evaluator = dict(type='mmvd.DepthCompletionMetric')
test_dataloader = val_dataloader
test_evaluator = val_evaluator
