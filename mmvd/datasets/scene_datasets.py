"""RGB-D datasets with one class per image: scenes, objects, parts."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.logging import MMLogger

from mmvd.arguments import check_choice, check_number, check_pattern
from mmvd.errors import ConfigError, Missing, MissingInputsError
from mmvd.registry import DATASETS

from .archives import archives_in
from .label_sets import with_metainfo
from .probe_splits import HOLDOUT, TEST
from .rgbd_dataset import RGBDDataset
from .sample_key import sample_key
from .sunrgbd_camera import sunrgbd_camera
from .walk import is_data, visited

NYU10 = (
    'bedroom', 'kitchen', 'living_room', 'bathroom', 'dining_room', 'office', 'home_office', 'classroom', 'bookstore',
    'others',
)  # fmt: skip
SUN19 = (
    'bathroom', 'bedroom', 'classroom', 'computer_room', 'conference_room', 'corridor', 'dining_area', 'dining_room',
    'discussion_area', 'furniture_store', 'home_office', 'kitchen', 'lab', 'lecture_theatre', 'library',
    'living_room', 'office', 'rest_space', 'study_space',
)  # fmt: skip
_PARTS = ('all', 'train', 'holdout')


@DATASETS.register_module()
class RGBDClassDataset(RGBDDataset):
    """Pairs of image and depth with a class.

    Each entry of the data list has, beside those of :class:`RGBDDataset`, ``gt_label`` and ``split``. With ``ann_file``
    the list has three columns: image, depth, class name (spaces as underscores).

    Args:
        data_root: Folder of the dataset.
        **kwargs: As in :class:`RGBDDataset`.

    Keyword Args:
        classes (list[str]): Names; None takes the sorted names of ``class_folders``.
        label_from (str): Regular expression whose first group is the class name in the relative image path; only with
            ``images``.
        class_folders (str): Glob of the class folders below ``data_root``, normally those of the training split.
        others (str): Name of the class that takes unknown names; None drops such samples and counts them.
        part (str): ``'all'``, or one side of a training set divided by ``holdout``: ``'train'`` or ``'holdout'``.
        holdout (float): Share of the samples that is held out, chosen by the sample's number.
        split (str): What the samples are for, as ``mmvd.LinearProbeMetric`` reads it: ``'test'`` or ``'holdout'``.

    Raises:
        ConfigError: If the arguments contradict each other or classes differ between splits.
        MissingInputsError: If there is no such data, or a class folder has no images.
    """

    OFFICIAL_IMAGES: tuple[int, int] | None = None  # of the training set, and of the set that is evaluated

    COLUMNS = ('image', 'depth', 'class')

    def __init__(self, data_root: str, **kwargs: Any):
        kwargs = {**self.DEFAULTS, **kwargs}
        self.label_from, self.others = kwargs.pop('label_from', None), kwargs.pop('others', None)
        self.part, self.holdout, self.split = (
            kwargs.pop('part', 'all'),
            kwargs.pop('holdout', 0.1),
            kwargs.pop('split', 'test'),
        )
        owner = f'{type(self).__name__}({data_root})'
        check_number(owner, 'holdout', self.holdout)
        if self.label_from is not None and not re.compile(check_pattern(owner, 'label_from', self.label_from)).groups:
            raise ConfigError(f'{owner}: label_from={self.label_from!r} has no group (...) that is the class')
        folders = kwargs.get('class_folders')
        if folders is not None and (not isinstance(folders, str) or Path(folders).is_absolute() or '..' in folders):
            raise ConfigError(f'{owner}: class_folders={folders!r} must be a glob below data_root')
        if not isinstance(kwargs.get('classes') or (), (list, tuple)):
            raise ConfigError(f'{owner}: classes must be a list of names, got {kwargs["classes"]!r}')
        if not 0 < self.holdout < 1:
            raise ConfigError(f'{owner}: holdout must be a share above 0 and below 1, got {self.holdout}')
        check_choice(owner, 'part', self.part, _PARTS)
        check_choice(owner, 'split', self.split, (HOLDOUT, TEST))
        if bool(self.label_from) == bool(kwargs.get('ann_file')):
            raise ConfigError(
                f'{type(self).__name__}({data_root}): give either label_from, or ann_file with three columns'
            )
        classes, folders = kwargs.pop('classes', None), kwargs.pop('class_folders', None)
        if not classes and not folders:
            raise ConfigError(f'{type(self).__name__}({data_root}): give the names of the classes, or class_folders')
        self.class_folders = None if classes else folders
        classes = classes or self._folders_of_classes(Path(data_root), folders)
        if not classes:
            raise MissingInputsError(f'{data_root}: no class folder matches {folders}')
        if self.class_folders:
            _check_links(Path(data_root), folders)
        if self.others is not None and self.others not in classes:
            raise ConfigError(f'{owner}: others={self.others!r} is none of the classes {", ".join(classes)}')
        self.dropped, self.taken_as_others = Counter(), Counter()
        metainfo = with_metainfo(owner, dict(classes=tuple(classes)), kwargs.pop('metainfo', {}))
        super().__init__(data_root=data_root, metainfo=metainfo, **kwargs)

    @classmethod
    def count_scenes(cls, config: dict) -> int | None:
        """Number of classes of a config of this class; None if only the folders tell."""
        classes = {**cls.DEFAULTS, **config}.get('classes')
        return len(classes) if classes else None

    @classmethod
    def _missing(cls, config: dict) -> Missing | None:
        root, folders = Path(config['data_root']), None if config.get('classes') else config.get('class_folders')
        is_glob = isinstance(folders, str) and folders and not Path(folders).is_absolute()
        if is_glob and root.is_dir() and not cls._folders_of_classes(root, folders):
            packed = ', '.join(path.name for path in archives_in(root))
            unpack = f'; {packed} must be unpacked, classes are folders' if packed else ''
            return Missing(str(root), f'no class folder matches {folders}{unpack}')
        return super()._missing(config)

    @staticmethod
    def _folders_of_classes(root: Path, folders: str) -> list[str]:
        return sorted({path.name for path in root.glob(folders) if path.is_dir() and is_data(path.name)})

    def sources(self, entries: Sequence[dict]) -> list[Path]:
        """See :meth:`RGBDDataset.sources`; another class folder gives the others other numbers."""
        named = visited(Path(self.data_root), self.class_folders) if self.class_folders else []
        return [*super().sources(entries), *named]

    def _name_of(self, image: str) -> str:
        found = re.search(self.label_from, image)
        if not found:
            raise ConfigError(f'{image}: label_from={self.label_from!r} finds no class in this path')
        return found[1]

    def load_data_list(self) -> list[dict]:
        """List the samples of known classes, or of the asked part of them."""
        entries = super().load_data_list()
        known = [entry for entry in entries if entry['gt_label'] >= 0]
        self._report()
        if not known:
            raise MissingInputsError(
                f'{self.data_root}: none of the {len(entries)} samples belongs to a class that counts'
            )
        absent = set(range(len(self.metainfo['classes']))) - {entry['gt_label'] for entry in known}
        if absent and self.label_from:
            first = self.metainfo['classes'][min(absent)]
            raise ConfigError(
                f'{self.data_root}/{self.images}: {len(absent)} of {len(self.metainfo["classes"])} classes have no '
                f'images here, first {first}: the splits must have the same class folders, each with images'
            )
        if self.part == 'all':
            return known
        limit = round(self.holdout * 1000)
        chosen = [
            entry
            for number, entry in enumerate(known)
            if (sample_key(0, 0, number) % 1000 < limit) == (self.part == 'holdout')
        ]
        if not chosen:
            raise ConfigError(
                f'{self.data_root}: none of the {len(known)} samples falls into part={self.part!r} with '
                f'holdout={self.holdout}: '
                'too few samples to hold some out, set paper_compat=True in the evaluator and leave that part out'
            )
        return chosen

    def _report(self) -> None:
        """Say what became of samples whose class has no place of its own."""
        fates = (
            (self.dropped, 'that do not count were dropped'),
            (self.taken_as_others, f'without a place of their own count as {self.others}'),
        )
        for counter, fate in fates:
            names = ', '.join(f'{name} ({count})' for name, count in counter.most_common(5))
            if names:
                MMLogger.get_current_instance().warning(
                    f'{self.data_root}: {sum(counter.values())} samples of classes {fate}: {names}'
                    f'{" ..." if len(counter) > 5 else ""}'
                )

    def _entry(self, root: Path, image: str, depth: str, name: str | None = None) -> dict:
        name, classes = name or self._name_of(image), self.metainfo['classes']
        if name not in classes:
            if self.label_from:
                raise ConfigError(
                    f'{root / image}: class {name} is not among the {len(classes)} classes of the training split'
                )
            (self.dropped if self.others is None else self.taken_as_others)[name] += 1
            name = self.others
        label = classes.index(name) if name in classes else -1
        return dict(super()._entry(root, image, depth), gt_label=label, split=self.split)


def _check_links(root: Path, folders: str) -> None:
    """Without a class folder the others would have other numbers.

    Raises:
        MissingInputsError: If one is a link that leads nowhere.
    """
    dead = next(
        (path for path in root.glob(folders) if not path.suffix and path.is_symlink() and not path.exists()), None
    )
    if dead:
        raise MissingInputsError(f'{dead}: this link to a class folder leads nowhere: is its disk there?')


@DATASETS.register_module()
class SUNRGBDSceneDataset(RGBDClassDataset):
    """SUN RGB-D, 19 scenes, samples of other scenes dropped.

    ``ann_file='scenes_train.txt'`` or ``'scenes_test.txt'``.
    """

    DEFAULTS = dict(decoder='sunrgbd', classes=SUN19)
    OFFICIAL_IMAGES = (4845, 4659)
    PREPARED_BY = 'python tools/dataset_converters/sunrgbd.py {root}'

    def _entry(self, root: Path, image: str, depth: str, *rest: str) -> dict:
        return dict(super()._entry(root, image, depth, *rest), **sunrgbd_camera(root, image, self.cameras))


@DATASETS.register_module()
class NYUv2SceneDataset(RGBDClassDataset):
    """NYUv2, 10 scenes, the last of which takes the rest: ``ann_file='scenes_train.txt'`` or ``'scenes_test.txt'``."""

    DEFAULTS = dict(decoder='mm16', classes=NYU10, others='others')
    OFFICIAL_IMAGES = (795, 654)
    PREPARED_BY = 'python tools/dataset_converters/nyuv2.py {root}'


@DATASETS.register_module()
class ImageNetRGBDDataset(RGBDClassDataset):
    """ImageNet-1k in class folders with predicted depth beside the images.

    ``images='train/*/*.JPEG'`` or ``'val/*/*.JPEG'``.
    """

    DEFAULTS = dict(
        decoder='mm16', class_folders='train/*', label_from='^[^/]+/([^/]+)/', depth_from=(r'\.JPEG$', '_depth.png')
    )
    OFFICIAL_IMAGES = (1281167, 50000)
    PREPARED_BY = (
        'class folders train/ and val/, then python tools/dataset_converters/predict_depth.py {root} '
        "--model MODEL --images '*/*/*.JPEG'"
    )
    DEPTH_OF_TURNED_IMAGE = True
    MAY_BE_CMYK = True  # 22 of the official images are


@DATASETS.register_module()
class MVIPDataset(RGBDClassDataset):
    """MVIP, 308 industrial parts from ten cameras, each view a sample.

    Layout of its authors' code: ``CLASS/train_data/POSITION/ROTATION/cam_NN/NN_{rgb,depth}.png`` and
    ``CLASS/{valid,test}_data/SET/cam_NN/...``, with the camera of each view in ``NN_meta.json``.
    """

    DEFAULTS = dict(
        decoder='mm16',
        class_folders='*',
        label_from='^([^/]+)/',
        depth_from=(r'_rgb\.png$', '_depth.png'),
        camera_from=(r'_rgb\.png$', '_meta.json'),
    )
    PREPARED_BY = 'its official archive, unpacked; its folder of classes (sets) is {root}'
