# The paper's recipe on a frozen EVA-02 B/14 (its official file, MIM on ImageNet-21k; RGB normalised as it was trained
# with).
_base_ = './pretrain_dinov2_pde.py'
model = dict(
    data_preprocessor=dict(mean=(122.771, 116.746, 104.094), std=(68.501, 66.632, 70.323)),
    backbone=dict(
        arch=None,
        rgb=dict(type='mmvd.TimmStream', model_name='eva02_base_patch14_224'),
        init_cfg=dict(checkpoint='{{$MMVD_WEIGHTS:weights}}/eva02_B_pt_in21k_p14.pt'),
    ),
)
