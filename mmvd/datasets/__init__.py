"""RGB-D datasets."""

from . import transforms  # noqa: F401  mmcv's, too: a pipeline may name one before any of ours
from .bop_dataset import BOPDataset
from .bop_pose_dataset import BOPPoseDataset
from .cityscapes import CityscapesDepthDataset
from .completion_datasets import KITTICompletionDataset, RGBDCompletionDataset, VOIDDataset
from .even_mixture import EvenMixture, KeyedConcat, WithPartnerImage
from .kitti_raw import KITTIRawDataset
from .nyuv2_raw import NYUv2RawDataset
from .rgbd_dataset import RGBDDataset
from .scene_datasets import ImageNetRGBDDataset, MVIPDataset, NYUv2SceneDataset, RGBDClassDataset, SUNRGBDSceneDataset
from .seg_datasets import (
    ADE20KRGBDDataset,
    CityscapesRGBDDataset,
    COCOStuffRGBDDataset,
    NYUv2SegDataset,
    RGBDSegDataset,
    SUNRGBDSegDataset,
)
from .shard_dataset import ShardDataset
from .synthetic_rooms import SyntheticRooms

__all__ = [
    'ADE20KRGBDDataset',
    'BOPDataset',
    'BOPPoseDataset',
    'COCOStuffRGBDDataset',
    'CityscapesDepthDataset',
    'CityscapesRGBDDataset',
    'EvenMixture',
    'ImageNetRGBDDataset',
    'KITTICompletionDataset',
    'KITTIRawDataset',
    'KeyedConcat',
    'MVIPDataset',
    'NYUv2RawDataset',
    'NYUv2SceneDataset',
    'NYUv2SegDataset',
    'RGBDClassDataset',
    'RGBDCompletionDataset',
    'RGBDDataset',
    'RGBDSegDataset',
    'SUNRGBDSceneDataset',
    'SUNRGBDSegDataset',
    'ShardDataset',
    'SyntheticRooms',
    'VOIDDataset',
    'WithPartnerImage',
]
