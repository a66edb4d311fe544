# NYUv2 as completion papers have it: 500 points of the filled depth, 240 px, centre of 228 x 304. The data: python
# tools/dataset_converters/nyuv2.py --depth filled. Raw and filled depth give different numbers.
_base_ = '../_base_/completion.py'
pipeline = [
    dict(type='mmvd.LoadImage'),
    dict(type='mmvd.LoadDepth'),
    dict(type='mmvd.RGBDResize', size=240),
    dict(type='mmvd.RGBDCenterCrop', size=(228, 304)),
    dict(type='mmvd.SparsePoints', count=500, seed=0),
    dict(type='mmvd.PackRGBDInputs'),
]
test_dataloader = dict(
    dataset=dict(
        type='mmvd.RGBDDataset',
        data_root='{{$MMVD_DATA:data}}/nyuv2_filled',
        decoder='mm16',
        images='test/images/*_rgb.png',
        depth_from=(r'images/(.*)_rgb\.png', r'depth/\1_depth.png'),
        pipeline=pipeline,
        test_mode=True,
    )
)
test_evaluator = dict(test_set='NYUv2 test, filled depth, 500 points (seed 0)')
