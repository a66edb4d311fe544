# Densities of built-in rooms that no training uses, at the size of a camera.
_base_ = '../_base_/completion_auc.py'
test_dataloader = dict(
    dataset=dict(
        type='mmvd.WithPartnerImage',
        dataset=dict(
            type='mmvd.SyntheticRooms',
            length=64,
            seed=1000,
            size=(240, 320),
            test_mode=True,
            pipeline=[dict(type='mmvd.PackRGBDInputs')],
        ),
    )
)
test_evaluator = dict(test_set='64 built-in rooms (seed 1000), 240 x 320 px')
