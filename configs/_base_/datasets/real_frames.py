# A handful of real frames of several sensors (MMVD_TEST_DATA, see its SOURCES.md): for a first look at real data, never
# a benchmark.
# Training and validation never share a frame; emsanet and lmo are sensors and scenes that training never sees.
root = '{{$MMVD_TEST_DATA:data/frames}}'
pair = dict(type='mmvd.RGBDDataset', decoder='mm16')
redwood = dict(pair, data_root=f'{root}/redwood_open3d', depth_from=(r'color/(.*)\.jpg', r'depth/\1.png'))
tum = dict(pair, data_root=f'{root}/tum', decoder='div5000', depth_from=('_color', '_depth'))
icl = dict(pair, data_root=f'{root}/icl_nuim', decoder='div5000', depth_from=('color/', 'depth/'))
ycbv = dict(pair, data_root=f'{root}/ycbv', decoder='div10000', depth_from=('-color', '-depth'))
real = f'{root}/cleargrasp/real'
cleargrasp = dict(pair, data_root=real, decoder='exr', depth_from=(r'rgb-img\.jpg', 'depth-img.exr'))
train_frames = dict(
    redwood=dict(redwood, images='color/0000[0-3].jpg'),
    tum=dict(tum, images='fr2_desk_1_color.png'),
    icl=dict(icl, images='color/[1-4].png'),
    ycbv=dict(ycbv, images='00000[1-4]-color.png'),
    cleargrasp=dict(cleargrasp, images='0000001[23]*-opaque-rgb-img.jpg'),
)
val_frames = [
    dict(redwood, images='color/00004.jpg'),
    dict(tum, images='fr2_desk_2_color.png'),
    dict(icl, images='color/5.png'),
    dict(ycbv, images='000005-color.png'),
    dict(cleargrasp, images='000000153-opaque-rgb-img.jpg'),
    dict(pair, data_root=f'{root}/emsanet_sample', images='*_rgb.png', depth_from=('_rgb', '_depth')),
    dict(pair, data_root=f'{root}/lmo', images='rgb.png', depth_from=('rgb', 'depth')),
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
