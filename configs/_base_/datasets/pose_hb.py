# HomebrewedDB (BOP): rendered training images, for there are no real ones; the truth of its test set is not public,
# that of val is.
_base_ = './pose.py'
root = '{{$MMVD_DATA:data}}/hb'
poses = dict(type='mmvd.BOPPoseDataset', data_root=root, models='models_eval')
train_dataloader = dict(dataset=dict(poses, split='train_pbr'))
val_dataloader = dict(
    dataset=dict(
        poses,
        split='val_primesense',
        min_visib_fract=0.0,
        test_mode=True,
    )
)
test_dataloader = val_dataloader
test_evaluator = dict(
    type='mmvd.BOPPoseMetric',
    models=f'{root}/models_eval',
    reference=dict(poses, split='train_pbr'),
    submission='work_dirs/poet-vd_hb-val.csv',
)
val_evaluator = dict(type='mmvd.BOPPoseMetric', models=f'{root}/models_eval', with_vsd=False)
