"""RGB-D datasets."""
from .even_mixture import EvenMixture, KeyedConcat, WithPartnerImage
from .rgbd_dataset import BOPDataset, RGBDDataset
from .seg_datasets import (
    ADE20KRGBDDataset,
    CityscapesRGBDDataset,
    COCOStuffRGBDDataset,
    NYUv2SegDataset,
    RGBDSegDataset,
    SUNRGBDSegDataset,
)
from .synthetic_rooms import SyntheticRooms

__all__ = [
    'ADE20KRGBDDataset', 'BOPDataset', 'COCOStuffRGBDDataset', 'CityscapesRGBDDataset', 'EvenMixture', 'KeyedConcat', 'NYUv2SegDataset',
    'RGBDDataset', 'RGBDSegDataset', 'SUNRGBDSegDataset', 'SyntheticRooms', 'WithPartnerImage'
]
