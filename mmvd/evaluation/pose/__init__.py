"""Errors of 6D poses as the BOP challenge and PoseCNN define them; rotations (3, 3), translations and points in mm."""

from mmvd.datasets.meshes import MeshRenderer, load_mesh
from mmvd.datasets.symmetries import symmetry_transforms

from .pose_errors import add, adds, mspd, mssd, rotation_error_deg
from .recall import area_under_curve, average_recall, match
from .submission import Estimate, read_submission, write_submission
from .vsd import vsd

__all__ = [
    'Estimate',
    'MeshRenderer',
    'add',
    'adds',
    'area_under_curve',
    'average_recall',
    'load_mesh',
    'match',
    'mspd',
    'mssd',
    'read_submission',
    'rotation_error_deg',
    'symmetry_transforms',
    'vsd',
    'write_submission',
]
