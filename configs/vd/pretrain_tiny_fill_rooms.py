# The second half of `make pretrain`: the same pair of ViTs with a decoder that completes from the measured pixels
# around each pixel.
_base_ = './pretrain_tiny_pde_rooms.py'
model = dict(
    backbone=dict(strides=(8, 8, 8, 8)),
    head=dict(_delete_=True, type='mmvd.JointBilateralHead', in_channels=96),
)
