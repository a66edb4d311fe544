"""Metrics, baselines and reports."""

from .bop_pose_metric import BOPPoseMetric
from .depth_completion_metric import DepthCompletionMetric
from .kitti_submission import KITTISubmissionWriter
from .linear_probe_metric import LinearProbeMetric

__all__ = ['BOPPoseMetric', 'DepthCompletionMetric', 'KITTISubmissionWriter', 'LinearProbeMetric']
