# Frozen EVA-02 B/14 alone: RGB baseline of Tables 3 and 4.
_base_ = './eva02_vd.py'
rgb = dict(out='rgb', init_cfg=dict(checkpoint='{{$MMVD_WEIGHTS:weights}}/eva02_B_pt_in21k_p14.pt'))
seg_model = dict(backbone=rgb, decode_head=dict(in_channels=[768] * 4))
cls_model = dict(backbone=rgb, head=dict(in_channels=768))
