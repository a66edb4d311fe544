# Densities of real frames of seven sensors (MMVD_TEST_DATA) at a shorter side of 240 px; a first look, no benchmark.
_base_ = ['../_base_/completion_auc.py', '../_base_/datasets/frames.py']
pipeline = [
    dict(type='mmvd.LoadImage'),
    dict(type='mmvd.LoadDepth'),
    dict(type='mmvd.RGBDResize', size=240, divisor=16),
    dict(type='mmvd.PackRGBDInputs'),
]
test_dataloader = dict(
    dataset=dict(
        type='mmvd.WithPartnerImage',
        offset=11,  # neighbours show one scene
        dataset=dict(type='mmvd.KeyedConcat', datasets={{_base_.all_frames}}, pipeline=pipeline),
    )
)
test_evaluator = dict(test_set='22 real frames of seven sensors, shorter side 240 px')
