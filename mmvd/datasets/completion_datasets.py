"""Depth completion test sets: sparse or raw depth as input, a depth map of its own as truth."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmvd.arguments import check_choice, check_substitution
from mmvd.errors import ConfigError, Missing
from mmvd.registry import DATASETS

from .archives import located
from .listing import read_list
from .rgbd_dataset import RGBDDataset


@DATASETS.register_module()
class RGBDCompletionDataset(RGBDDataset):
    """Pairs of image and input depth with a depth map that is to be recovered.

    Each entry of the data list has, beside those of :class:`RGBDDataset`, ``gt_depth_path``, which
    ``mmvd.LoadDepth(key='gt_depth')`` reads. With ``ann_file`` the list has three columns: image, depth, truth.

    Args:
        data_root: Folder of the dataset.
        truth_from: ``(pattern, replacement)`` for :func:`re.sub` on the relative image path; None where the list names
            the truth, or it is not public.
        **kwargs: As in :class:`RGBDDataset`.

    Raises:
        ConfigError: If the arguments contradict each other.
        MissingInputsError: If there is no such data.
    """

    COLUMNS = ('image', 'depth', 'truth')

    def __init__(self, data_root: str, truth_from: Sequence[str] | None = None, **kwargs: Any):
        if truth_from is not None:
            check_substitution(f'{type(self).__name__}({data_root})', 'truth_from', truth_from)
        self.truth_from = truth_from
        super().__init__(data_root, **{**self.DEFAULTS, **kwargs})

    def _entry(self, root: Path, image: str, depth: str, truth: str | None = None) -> dict:
        entry = super()._entry(root, image, depth)
        if truth is None and self.truth_from is not None:
            truth = re.sub(*self.truth_from, image)
        if truth in (image, depth):
            raise ConfigError(f'{root / image}: truth_from={self.truth_from} makes image or input its own truth')
        if truth is not None:
            entry['gt_depth_path'] = str(located(root, truth))
        return entry


@DATASETS.register_module()
class VOIDDataset(RGBDCompletionDataset):
    """VOID in its official layout: ``void_<points>/data/<sequence>/{image,sparse_depth,ground_truth}`` and ``K.txt``.

    The lists of the release name the images, with or without the folders above ``void_<points>``.

    Args:
        data_root: Folder ``void_release``.
        points: 150, 500 or 1500: the sparse points of an image, about.
        split: ``'test'`` or ``'train'``.
        dense: Whether the input is the truth, to be thinned by the model's ``test_cfg`` (Table 1), instead of the
            sparse points (Table 2).
        **kwargs: As in :class:`RGBDCompletionDataset`.
    """

    DEFAULTS = dict(decoder='div256', camera_from=(r'/image/[^/]*$', '/K.txt'))
    _ABOVE = r'^.*?(?=void_\d+/)'

    def __init__(self, data_root: str, points: int = 1500, split: str = 'test', dense: bool = False, **kwargs: Any):
        check_choice('VOIDDataset', 'points', points, (150, 500, 1500))
        check_choice('VOIDDataset', 'split', split, ('train', 'test'))
        super().__init__(data_root, ann_file=self.list_of(points, split), **kwargs)

    @staticmethod
    def list_of(points: int, split: str) -> str:
        """Relative path of the list of images."""
        return f'void_{points}/{split}_image.txt'

    @classmethod
    def missing(cls, config: dict) -> Missing | None:
        """See :meth:`RGBDDataset.missing`."""
        listing = cls.list_of(config.get('points', 1500), config.get('split', 'test'))
        return super().missing(dict(config, ann_file=listing))

    @classmethod
    def rows(cls, listing: Path, config: dict) -> list[tuple[str, ...]]:
        """Image, input and truth of each image of the list."""
        names = [re.sub(cls._ABOVE, '', name) for (name,) in read_list(listing, ('image',))]
        folders = ('image', 'ground_truth' if config.get('dense') else 'sparse_depth', 'ground_truth')
        return [tuple(name.replace('/image/', f'/{folder}/') for folder in folders) for name in names]

    def _entry(self, root: Path, image: str, depth: str, truth: str | None = None) -> dict:
        if truth == depth:  # dense: the input is the truth
            truth = None
        return super()._entry(root, image, depth, truth)


@DATASETS.register_module()
class KITTICompletionDataset(RGBDCompletionDataset):
    """KITTI depth completion in its official layout: the cropped selection set, or the anonymous test set.

    Args:
        data_root: Folder that holds ``depth_selection``.
        split: ``'selection'``, with truth, or ``'test'``, whose truth the benchmark's server keeps.
        **kwargs: As in :class:`RGBDCompletionDataset`.
    """

    _FOLDERS = dict(selection='val_selection_cropped', test='test_depth_completion_anonymous')

    def __init__(self, data_root: str, split: str = 'selection', **kwargs: Any):
        check_choice('KITTICompletionDataset', 'split', split, tuple(self._FOLDERS))
        super().__init__(data_root, **{**self.layout(split), **kwargs})

    @classmethod
    def layout(cls, split: str) -> dict:
        """Arguments of :class:`RGBDCompletionDataset` for a split."""
        settings = dict(
            decoder='div256',
            images=f'depth_selection/{cls._FOLDERS[split]}/image/*.png',
            camera_from=(r'/image/(.*)\.png', r'/intrinsics/\1.txt'),
        )
        if split == 'test':
            return dict(settings, depth_from=('/image/', '/velodyne_raw/'))
        name = r'/image/(.*)_image_(\d+)_image_(\d+)'
        found = {key: rf'/{key}/\1_{key}_\2_image_\3' for key in ('velodyne_raw', 'groundtruth_depth')}
        return dict(settings, depth_from=(name, found['velodyne_raw']), truth_from=(name, found['groundtruth_depth']))

    @classmethod
    def missing(cls, config: dict) -> Missing | None:
        """See :meth:`RGBDDataset.missing`."""
        return super().missing({**cls.layout(config.get('split', 'selection')), **config})
