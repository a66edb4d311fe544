# YCB-Video (BOP): real training videos and the 80 000 synthetic images (paper A.7), BOP's test frames. Without the
# synthetic ones: train_dataloader.dataset.datasets has one entry.
_base_ = './pose.py'
root = '{{$MMVD_DATA:data}}/ycbv'
poses = dict(type='mmvd.BOPPoseDataset', data_root=root, models='models_eval')
train_sets = [dict(poses, split=split) for split in ('train_real', 'train_synt')]
train_dataloader = dict(dataset=dict(type='mmvd.KeyedConcat', datasets=train_sets))
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
    reference=dict(poses, split='train_real'),  # PoseCNN's list: symmetric=[13, 16, 19, 20, 21]
    submission='work_dirs/poet-vd_ycbv-test.csv',
)
val_evaluator = dict(type='mmvd.BOPPoseMetric', models=f'{root}/models_eval', with_vsd=False)
