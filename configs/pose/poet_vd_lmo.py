# Table 5: PoET on frozen VD (DINOv2, PDE), LM-O.
_base_ = [
    '../_base_/models/poet_vd_dinov2_base.py',
    '../_base_/datasets/pose_lmo.py',
    '../_base_/schedules/poet_90k.py',
    '../_base_/pose_runtime.py',
]
model = dict(head=dict(num_classes=8, loss=dict(models='{{$MMVD_DATA:data}}/lmo/models_eval')))
