# The RGB stream of the encoder of configs/vd/pretrain_scratch_pde.py alone: our reading of "VD(PDE)" among the RGB
# baselines.
encoder = dict(out='rgb', init_cfg=dict(checkpoint='{{$MMVD_WEIGHTS:weights}}/vd_scratch_pde.pth'))
seg_model = dict(backbone=encoder, decode_head=dict(in_channels=[768] * 4))
cls_model = dict(backbone=encoder, head=dict(in_channels=768))
