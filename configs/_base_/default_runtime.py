default_scope = 'mmengine'  # every type of ours carries the prefix
custom_imports = dict(imports=['mmvd'], allow_failed_imports=False)
randomness = dict(seed=0)
env_cfg = dict(
    cudnn_benchmark=True, mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0), dist_cfg=dict(backend='nccl')
)
default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(type='mmvd.AtomicCheckpointHook', interval=1, max_keep_ckpts=3),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    sync_norm=dict(type='mmvd.SyncNormStatsHook'),
)
custom_hooks = [
    dict(type='mmvd.StrictLoadHook'),
    dict(type='mmvd.SampleCountHook'),
    dict(type='mmvd.DensityScheduleHook'),
    dict(type='mmvd.DepthPanelHook'),
    dict(type='mmvd.DepthReportHook'),
    dict(type='mmvd.InterruptHook'),
]
visualizer = dict(type='mmengine.Visualizer', vis_backends=[dict(type='mmengine.LocalVisBackend')])
log_processor = dict(by_epoch=True, window_size=50)
log_level = 'INFO'
load_from = None
resume = False
