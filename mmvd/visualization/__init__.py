"""Pictures for people."""

from .contact_sheet import contact_sheet
from .curves import curves_picture
from .feature_pictures import feature_colours, features_panel
from .panels import completion_panel, rgbd_panel
from .point_cloud import guess_intrinsics, ply_bytes, to_points
from .samples import Objects, depth_histograms, samples_picture
from .segmentation import overlay, segmentation_panel

__all__ = [
    'Objects',
    'completion_panel',
    'contact_sheet',
    'curves_picture',
    'depth_histograms',
    'feature_colours',
    'features_panel',
    'guess_intrinsics',
    'overlay',
    'ply_bytes',
    'rgbd_panel',
    'samples_picture',
    'segmentation_panel',
    'to_points',
]
