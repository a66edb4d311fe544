# What the protocols of depth completion share: the paper's model, test data at native size, one image at a time.
_base_ = '../vd/pretrain_dinov2_pde.py'
given_pipeline = [
    dict(type='mmvd.LoadImage'),
    dict(type='mmvd.LoadDepth'),
    dict(type='mmvd.LoadDepth', key='gt_depth'),
    dict(type='mmvd.PackRGBDInputs'),
]
dense_pipeline = [dict(type='mmvd.LoadImage'), dict(type='mmvd.LoadDepth'), dict(type='mmvd.PackRGBDInputs')]
test_dataloader = dict(
    _delete_=True, batch_size=1, num_workers=4, sampler=dict(type='mmvd.EpochSampler', shuffle=False, seed=0)
)
test_evaluator = dict(
    type='mmvd.DepthCompletionMetric', baselines=('nearest', 'inpaint', 'linear', 'bilateral', 'guided')
)
model = dict(test_cfg=None)  # each map is completed as it comes
