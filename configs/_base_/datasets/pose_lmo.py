# LINEMOD-Occluded (BOP): eight objects, rendered training images, BOP's test frames.
_base_ = './pose.py'
root = '{{$MMVD_DATA:data}}/lmo'
poses = dict(type='mmvd.BOPPoseDataset', data_root=root, models='models_eval', objects=[1, 5, 6, 8, 9, 10, 11, 12])
train_dataloader = dict(dataset=dict(poses, split='train_pbr'))
val_dataloader = dict(
    dataset=dict(
        poses,
        split='test',
        targets='test_targets_bop19.json',
        min_visib_fract=0.0,
        test_mode=True,
    )
)
test_dataloader = val_dataloader
test_evaluator = dict(
    type='mmvd.BOPPoseMetric',
    models=f'{root}/models_eval',
    targets=f'{root}/test_targets_bop19.json',
    reference=dict(poses, split='train_pbr'),
    submission='work_dirs/poet-vd_lmo-test.csv',
)
val_evaluator = dict(type='mmvd.BOPPoseMetric', models=f'{root}/models_eval', with_vsd=False)
