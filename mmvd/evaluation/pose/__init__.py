"""Errors of 6D poses as the BOP challenge and PoseCNN define them; rotations (3, 3), translations and points in mm."""

from mmvd.datasets.meshes import MeshRenderer, load_mesh
from mmvd.datasets.symmetries import symmetry_transforms

from .pose_errors import add, adds, mspd, mssd, rotation_error_deg, translation_error
from .recall import area_under_curve, average_recall, match
from .scores import PoseScores, Truth
from .submission import Estimate, read_submission, write_submission
from .vsd import vsd

__all__ = [
    'Estimate',
    'MeshRenderer',
    'PoseScores',
    'Truth',
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
    'translation_error',
    'vsd',
    'write_submission',
]
