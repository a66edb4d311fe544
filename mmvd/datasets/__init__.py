"""RGB-D datasets."""
from .even_mixture import EvenMixture, KeyedConcat, WithPartnerImage
from .rgbd_dataset import BOPDataset, RGBDDataset
from .synthetic_rooms import SyntheticRooms

__all__ = ['BOPDataset', 'EvenMixture', 'KeyedConcat', 'RGBDDataset', 'SyntheticRooms', 'WithPartnerImage']
