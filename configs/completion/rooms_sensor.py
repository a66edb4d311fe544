# True holes that anyone can make: built-in rooms as an active camera sees them, the exact depth as truth.
_base_ = '../_base_/completion.py'
test_dataloader = dict(
    dataset=dict(
        type='mmvd.SyntheticRooms',
        length=64,
        seed=1000,
        size=(224, 224),
        sensor=True,
        exact_target=True,
        test_mode=True,
        pipeline=[dict(type='mmvd.PackRGBDInputs')],
    )
)
test_evaluator = dict(test_set='64 built-in rooms (seed 1000), sensor model against exact depth')
