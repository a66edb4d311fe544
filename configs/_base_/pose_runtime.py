_base_ = './default_runtime.py'
custom_hooks = [
    dict(type='mmvd.StrictLoadHook'),
    dict(type='mmvd.FirstLookHook'),
    dict(type='mmvd.SampleCountHook'),
    dict(type='mmvd.PosePanelHook'),
    dict(type='mmvd.InterruptHook'),
]
