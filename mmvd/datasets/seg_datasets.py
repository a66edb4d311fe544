"""RGB-D datasets with a label map per image, in the layouts that ``tools/dataset_converters`` leave."""

import re
from pathlib import Path
from typing import Any

from mmvd.arguments import check_flag, check_substitution
from mmvd.errors import ConfigError, Missing
from mmvd.registry import DATASETS

from .archives import located
from .cityscapes import DEPTH_FROM, with_camera
from .label_sets import label_metainfo, with_metainfo
from .rgbd_dataset import RGBDDataset
from .sunrgbd_camera import sunrgbd_camera
from .transforms.labels import IGNORE


@DATASETS.register_module()
class RGBDSegDataset(RGBDDataset):
    """Pairs of image and depth with a label map.

    Each entry of the data list has, beside those of :class:`RGBDDataset`, ``seg_map_path``, ``num_classes`` and
    ``reduce_zero_label``, as ``mmvd.LoadLabels`` reads them. With ``ann_file`` the list has three columns: image,
    depth, label.

    Args:
        data_root: Folder of the dataset.
        **kwargs: As in :class:`RGBDDataset`.

    Keyword Args:
        label_set (str): Name of the classes, see :data:`mmvd.datasets.label_sets.LABEL_SETS`; or
        classes (list[str]): Names of your own.
        labels_from (tuple[str, str]): ``(pattern, replacement)`` for :func:`re.sub` on the relative image path.
        reduce_zero_label (bool): Whether file value 0 means "no label" and classes start at 1; else 255 means it and
            classes start at 0.

    Raises:
        ConfigError: If the arguments contradict each other.
        MissingInputsError: If there is no such data.
    """

    OFFICIAL_IMAGES: tuple[int, int] | None = None  # of the training set, and of the set that is evaluated
    TABLE_6: str | None = None  # name in configs/datasets.yml

    COLUMNS = ('image', 'depth', 'label')

    def __init__(self, data_root: str, **kwargs: Any):
        kwargs = {**self.DEFAULTS, **kwargs}
        self.labels_from, self.reduce_zero_label = (
            kwargs.pop('labels_from', None),
            kwargs.pop('reduce_zero_label', False),
        )
        owner = f'{type(self).__name__}({data_root})'
        check_flag(owner, 'reduce_zero_label', self.reduce_zero_label)
        if self.labels_from is not None:
            check_substitution(owner, 'labels_from', self.labels_from)
        if not isinstance(kwargs.get('classes', ()), (list, tuple)):
            raise ConfigError(f'{owner}: classes must be a list of names, got {kwargs["classes"]!r}')
        names = label_metainfo(kwargs.pop('label_set', None), kwargs.pop('classes', ()))
        numbers = dict(classes=names['classes'], reduce_zero_label=self.reduce_zero_label)
        metainfo = {**names, **with_metainfo(owner, numbers, kwargs.pop('metainfo', {}))}
        count, most = len(names['classes']), IGNORE - self.reduce_zero_label
        if count > most:
            raise ConfigError(f'{owner}: {count} classes where 8 bits hold {most}, and {IGNORE} for no label')
        if bool(self.labels_from) == bool(kwargs.get('ann_file')):
            raise ConfigError(
                f'{type(self).__name__}({data_root}): give either labels_from, or ann_file with three columns'
            )
        self.num_classes = count
        super().__init__(data_root=data_root, metainfo=metainfo, **kwargs)

    @classmethod
    def count_classes(cls, config: dict) -> int:
        """Number of classes of a config of this class, without building it."""
        settings = {**cls.DEFAULTS, **config}
        return len(label_metainfo(settings.get('label_set'), settings.get('classes', ()))['classes'])

    def _entry(self, root: Path, image: str, depth: str, label: str | None = None) -> dict:
        label = label or re.sub(*self.labels_from, image)
        if label == image:
            raise ConfigError(f'{root / image}: labels_from={self.labels_from} makes the image its own label')
        return dict(
            super()._entry(root, image, depth),
            seg_map_path=str(located(root, label)),
            num_classes=self.num_classes,
            reduce_zero_label=self.reduce_zero_label,
            seg_fields=[],
        )


@DATASETS.register_module()
class SUNRGBDSegDataset(RGBDSegDataset):
    """SUN RGB-D, official split, 37 classes, true metric depth: give ``ann_file='train.txt'`` or ``'test.txt'``.

    Args:
        paper_compat: Whether depth is read at twice its value, as the authors' segmentation did (facts, 13.2).
    """

    DEFAULTS = dict(decoder='sunrgbd', label_set='sunrgbd', reduce_zero_label=True)
    OFFICIAL_IMAGES = (5285, 5050)
    TABLE_6 = 'sunrgbd'
    PREPARED_BY = 'python tools/dataset_converters/sunrgbd.py {root}'

    def __init__(self, data_root: str, paper_compat: bool = False, **kwargs: Any):
        super().__init__(data_root, **dict(kwargs, decoder=self.decoder_in(dict(kwargs, paper_compat=paper_compat))))

    @classmethod
    def decoder_in(cls, config: dict) -> str:
        """Format of the depth files of a config of this class, without building it."""
        return config.get('decoder') or ('sunrgbd_doubled' if config.get('paper_compat') else cls.DEFAULTS['decoder'])

    def _entry(self, root: Path, image: str, depth: str, label: str | None = None) -> dict:
        return dict(super()._entry(root, image, depth, label), **sunrgbd_camera(root, image, self.cameras))


class _SplitDataset(RGBDSegDataset):
    """A layout in which a split is a folder."""

    IMAGES: str  # glob of the images of a split

    def __init__(self, data_root: str, split: str, **kwargs: Any):
        super().__init__(data_root, images=self.IMAGES.format(split=split), **kwargs)

    @classmethod
    def missing(cls, config: dict) -> Missing | None:
        """See :meth:`RGBDSegDataset.missing`."""
        return super().missing(dict(config, images=cls.IMAGES.format(split=config['split'])))


@DATASETS.register_module()
class NYUv2SegDataset(_SplitDataset):
    """The labelled part of NYUv2, official split, 40 classes: give ``split='train'`` or ``'test'``."""

    IMAGES = '{split}/images/*_rgb.png'
    DEFAULTS = dict(
        decoder='mm16',
        label_set='nyuv2',
        reduce_zero_label=True,
        depth_from=(r'images/(.*)_rgb\.png', r'depth/\1_depth.png'),
        labels_from=(r'images/(.*)_rgb\.png', r'masks/\1_mask.png'),
    )
    OFFICIAL_IMAGES = (795, 654)
    TABLE_6 = 'nyuv2'
    PREPARED_BY = 'python tools/dataset_converters/nyuv2.py {root}'


@DATASETS.register_module()
class CityscapesRGBDDataset(_SplitDataset):
    """Cityscapes with stereo disparity as metric depth, cut at 150 m, 19 classes.

    Give ``split='train'`` or ``'val'``.
    """

    IMAGES = 'leftImg8bit/{split}/*/*_leftImg8bit.png'
    DEFAULTS = dict(
        decoder='cityscapes',
        label_set='cityscapes',
        depth_from=DEPTH_FROM,
        labels_from=(r'leftImg8bit/(.*)_leftImg8bit', r'gtFine/\1_gtFine_labelTrainIds'),
    )
    OFFICIAL_IMAGES = (2975, 500)
    TABLE_6 = 'cityscapes'
    PREPARED_BY = 'the official archives, then python tools/dataset_converters/label_ids.py cityscapes {root}'

    def _entry(self, root: Path, image: str, depth: str, label: str | None = None) -> dict:
        return with_camera(super()._entry(root, image, depth, label), root, image, self.cameras, self.settings)


@DATASETS.register_module()
class ADE20KRGBDDataset(_SplitDataset):
    """ADE20K with predicted depth beside the images, 150 classes: give ``split='training'`` or ``'validation'``."""

    IMAGES = 'images/{split}/*.jpg'
    DEFAULTS = dict(
        decoder='mm16',
        label_set='ade20k',
        reduce_zero_label=True,
        depth_from=(r'\.jpg$', '_depth.png'),
        labels_from=(r'images/(.*)\.jpg', r'annotations/\1.png'),
    )
    OFFICIAL_IMAGES = (20210, 2000)
    PREPARED_BY = 'the official archive, then python tools/dataset_converters/predict_depth.py {root} --model MODEL'


@DATASETS.register_module()
class COCOStuffRGBDDataset(_SplitDataset):
    """COCO-Stuff 164k with predicted depth beside the images, 171 classes.

    Give ``split='train2017'`` or ``'val2017'``.
    """

    IMAGES = 'images/{split}/*.jpg'
    DEFAULTS = dict(
        decoder='mm16',
        label_set='cocostuff',
        depth_from=(r'\.jpg$', '_depth.png'),
        labels_from=(r'images/(.*)\.jpg', r'annotations/\1_labelTrainIds.png'),
    )
    OFFICIAL_IMAGES = (118287, 5000)
    PREPARED_BY = (
        'python tools/dataset_converters/label_ids.py cocostuff {root}, then python '
        'tools/dataset_converters/predict_depth.py {root} --model MODEL'
    )
