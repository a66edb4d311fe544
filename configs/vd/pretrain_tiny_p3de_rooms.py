# The small pair of ViTs of the rooms with the encoding of points (P3DE); the camera goes with every crop.
_base_ = ['./pretrain_tiny_pde_rooms.py', '../_base_/encoders/p3de.py']
model = {{_base_.vd_model}}
