# Densities of 23 real frames of eight sources (MMVD_TEST_DATA, see its SOURCES.md) at a shorter side of 240 px: a first
# look, no benchmark. Of the fifteen views of one shelf (apc2016) the first; rendered frames are left out.
_base_ = '../_base_/completion_auc.py'
root = '{{$MMVD_TEST_DATA:data/frames}}'
pair = dict(type='mmvd.RGBDDataset')
frames = [
    dict(
        pair,
        data_root=f'{root}/redwood_open3d',
        decoder='mm16',
        images='color/*.jpg',
        depth_from=(r'color/(.*)\.jpg', r'depth/\1.png'),
    ),
    dict(pair, data_root=f'{root}/tum', decoder='div5000', images='fr2*_color.png', depth_from=('_color', '_depth')),
    dict(
        pair,
        data_root=f'{root}/tum',
        decoder='div5000',
        images='open3d_color.png',
        depth_from=('_color', '_depth'),
    ),
    dict(pair, data_root=f'{root}/ycbv', decoder='div10000', images='*-color.png', depth_from=('-color', '-depth')),
    dict(
        pair,
        data_root=f'{root}/cleargrasp/real',
        decoder='exr',
        images='*-opaque-rgb-img.jpg',
        depth_from=(r'rgb-img\.jpg', 'depth-img.exr'),
    ),
    dict(pair, data_root=f'{root}/emsanet_sample', decoder='mm16', images='*_rgb.png', depth_from=('_rgb', '_depth')),
    dict(pair, data_root=f'{root}/lmo', decoder='mm16', images='rgb.png', depth_from=('rgb', 'depth')),
    dict(pair, data_root=f'{root}/apc2016', decoder='apc', images='000000_color.png', depth_from=('_color', '_depth')),
    dict(pair, data_root=f'{root}/kitti', decoder='div256', images='rgb/*.png', depth_from=('rgb/', 'depth/')),
]
pipeline = [
    dict(type='mmvd.LoadImage'),
    dict(type='mmvd.LoadDepth'),
    dict(type='mmvd.RGBDResize', size=240, divisor=16),
    dict(type='mmvd.PackRGBDInputs'),
]
test_dataloader = dict(
    dataset=dict(
        type='mmvd.WithPartnerImage',
        offset=9,  # neighbours show one scene
        dataset=dict(type='mmvd.KeyedConcat', datasets=frames, pipeline=pipeline),
    )
)
test_evaluator = dict(test_set='23 real frames of eight sources, shorter side 240 px')
