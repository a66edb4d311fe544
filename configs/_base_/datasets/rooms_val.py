# Validation on built-in rooms that no training uses: zero-shot for models trained on real data.
val_dataloader = dict(
    batch_size=16,
    num_workers=4,
    sampler=dict(type='mmvd.EpochSampler', shuffle=False, seed=0),
    dataset=dict(
        type='mmvd.WithPartnerImage',
        dataset=dict(
            type='mmvd.SyntheticRooms',
            length=64,
            seed=1000,
            size=(224, 224),
            test_mode=True,
            pipeline=[dict(type='mmvd.PackRGBDInputs')],
        ),
    ),
)
val_evaluator = dict(type='mmvd.DepthCompletionMetric')
test_dataloader = val_dataloader
test_evaluator = val_evaluator
