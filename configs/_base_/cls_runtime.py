_base_ = './default_runtime.py'
default_hooks = dict(checkpoint=dict(save_best='probe/selection_accuracy', rule='greater'))
custom_hooks = [
    dict(type='mmvd.StrictLoadHook'),
    dict(type='mmvd.FirstLookHook'),
    dict(type='mmvd.SampleCountHook'),
    dict(type='mmvd.ProbeReportHook'),
    dict(type='mmvd.InterruptHook'),
]
