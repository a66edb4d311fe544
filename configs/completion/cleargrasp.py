# True holes, not simulated ones: ClearGrasp's real scenes with transparent objects, their painted twins as truth.
_base_ = '../_base_/completion.py'
test_dataloader = dict(
    dataset=dict(
        type='mmvd.RGBDCompletionDataset',
        data_root='{{$MMVD_DATA:data}}/cleargrasp/real-val/d435',
        decoder='exr',
        images='*-transparent-rgb-img.jpg',
        depth_from=('transparent-rgb-img.jpg', 'transparent-depth-img.exr'),
        truth_from=('transparent-rgb-img.jpg', 'opaque-depth-img.exr'),
        pipeline={{_base_.given_pipeline}},
        test_mode=True,
    )
)
test_evaluator = dict(test_set='ClearGrasp real-val D435, transparent against opaque')
