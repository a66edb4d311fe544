_base_ = './default_runtime.py'
default_hooks = dict(checkpoint=dict(save_best='mIoU', rule='greater'))
custom_hooks = [
    dict(type='mmvd.StrictLoadHook'),
    dict(type='mmvd.FirstLookHook'),
    dict(type='mmvd.SampleCountHook'),
    dict(type='mmvd.SegPanelHook'),
    dict(type='mmvd.InterruptHook'),
]
