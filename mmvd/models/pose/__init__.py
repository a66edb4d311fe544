"""6D object pose."""

from .box_query_encoding import BoxQueryEncoding
from .poet_head import PoETHead
from .pose_estimator import PoseEstimator
from .pose_loss import PoseLoss

__all__ = ['BoxQueryEncoding', 'PoETHead', 'PoseEstimator', 'PoseLoss']
