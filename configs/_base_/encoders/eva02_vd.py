# Frozen VD on EVA-02 B/14: "EVA-02 +VD(PDE)", the encoder of configs/vd/pretrain_eva02_pde_448.py.
preprocessor = dict(mean=(122.771, 116.746, 104.094), std=(68.501, 66.632, 70.323))  # as EVA-02 was trained
encoder = dict(
    arch=None,
    rgb=dict(type='mmvd.TimmStream', model_name='eva02_base_patch14_224'),
    init_cfg=dict(checkpoint='{{$MMVD_WEIGHTS:weights}}/vd_eva02_pde.pth'),
)
seg_model = cls_model = dict(data_preprocessor=preprocessor, backbone=encoder)
