# Frozen DINOv2 ViT-B/14 alone: RGB baseline of Tables 3 to 5.
encoder = dict(out='rgb', init_cfg=dict(checkpoint='{{$MMVD_WEIGHTS:weights}}/dinov2_vitb14_pretrain.pth'))
seg_model = dict(backbone=encoder, decode_head=dict(in_channels=[768] * 4))
pose_model = dict(backbone=encoder, head=dict(in_channels=[768] * 4))
cls_model = dict(backbone=encoder, head=dict(in_channels=768))
