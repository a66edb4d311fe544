"""A linear probe on the class tokens of both streams: a project of mmpretrain, one folder per class."""

default_scope = 'mmpretrain'
custom_imports = dict(imports=['mmvd'])

data_root = 'data'
depth_from = (r'images/(.*)\.jpg', r'depth/\1.png')

model = dict(
    type='ImageClassifier',
    data_preprocessor=dict(type='mmvd.RGBDClsDataPreprocessor'),
    backbone=dict(
        type='mmvd.VDViT',
        arch=dict(embed_dims=32, depth=4, num_heads=2),
        patch_size=14,
        img_size=56,
        frozen='all',
        out='rgb+fused',
        out_type='cls_token',
        init_cfg=dict(type='Random'),
    ),
    head=dict(
        type='LinearClsHead',
        num_classes=2,
        in_channels=64,
        loss=dict(type='CrossEntropyLoss', loss_weight=1.0),
    ),
)

# mmpretrain's own geometry moves the image alone.
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='mmvd.LoadDepth', decoder='mm16', depth_from=depth_from),
    dict(type='mmvd.RGBDResize', size=(56, 56)),
    dict(type='mmvd.RGBDRandomFlip', horizontal=0.5),
    dict(type='mmvd.PackRGBDInputs', packer=dict(type='mmpretrain.PackInputs')),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='mmvd.LoadDepth', decoder='mm16', depth_from=depth_from),
    dict(type='mmvd.RGBDResize', size=(56, 56)),
    dict(type='mmvd.PackRGBDInputs', packer=dict(type='mmpretrain.PackInputs')),
]
train_dataloader = dict(
    batch_size=2,
    num_workers=2,
    dataset=dict(type='CustomDataset', data_root=data_root, data_prefix='images/train', pipeline=train_pipeline),
    sampler=dict(type='DefaultSampler', shuffle=True),
)
val_dataloader = dict(
    batch_size=2,
    num_workers=2,
    dataset=dict(type='CustomDataset', data_root=data_root, data_prefix='images/val', pipeline=test_pipeline),
    sampler=dict(type='DefaultSampler', shuffle=False),
)
val_evaluator = dict(type='Accuracy', topk=(1,))
test_dataloader = val_dataloader
test_evaluator = val_evaluator

optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=0.0001))
param_scheduler = dict(type='MultiStepLR', by_epoch=True, milestones=[1], gamma=0.1)
train_cfg = dict(by_epoch=True, max_epochs=2, val_interval=1)
val_cfg = dict()
test_cfg = dict()
auto_scale_lr = dict(base_batch_size=256)

default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=1),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(type='CheckpointHook', interval=1),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    visualization=dict(type='VisualizationHook', enable=False),
)
env_cfg = dict(
    cudnn_benchmark=False,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'),
)
vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(type='UniversalVisualizer', vis_backends=vis_backends)
log_level = 'INFO'
load_from = None
resume = False
randomness = dict(seed=None, deterministic=False)
