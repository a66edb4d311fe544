"""RGB-D pairs from folders or lists: any camera whose images and depth files have matching names."""

import inspect
import os
import re
from collections.abc import MutableMapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
from mmengine.dataset import BaseDataset

from mmvd.arguments import check_flag, check_intrinsics, check_pattern, check_substitution
from mmvd.errors import ConfigError, Missing, MissingInputsError, MMVDError, SampleError
from mmvd.registry import DATASETS

from .archives import is_file, located
from .cameras import intrinsics_matrix, read_camera
from .decoders import get_decoder
from .index import open_index
from .listing import read_list
from .presence import MOST, first_gone, may_lack_depth, missing_of_folder, place_of
from .rasters import look_at_image
from .walk import visited, walk


@DATASETS.register_module()
class RGBDDataset(BaseDataset):
    """Pairs of an image and a depth file.

    Give either ``ann_file``, a text file with one ``image depth`` pair of relative paths per line, or ``images``, a
    glob of the image files, with ``depth_from``, a regular expression and its replacement that turn an image path into
    the path of its depth file.

    Each entry of the data list has ``img_path``, ``depth_path``, ``decoder``, ``depth_scale`` and, where known,
    ``intrinsics``.

    Args:
        data_root: Folder of the dataset.
        decoder: Name of the depth format, see :data:`mmvd.datasets.decoders.DECODERS`.
        images: Glob of the images below ``data_root``.
        depth_from: ``(pattern, replacement)`` for :func:`re.sub` on the relative image path.
        intrinsics: ``(fx, fy, cx, cy)`` in pixels of the original image, if one camera took them all.
        resize_image: Whether images of another size are brought to the size of their depth maps (ScanNet, phones); else
            an error.
        exclude: Regular expression of relative image paths to leave out.
        ann_file: List file below ``data_root``.
        camera_from: ``(pattern, replacement)`` that turn a relative image path into the path of the file with its
            intrinsics, see :func:`mmvd.datasets.cameras.read_camera`.
        **kwargs: As in :class:`mmengine.dataset.BaseDataset`: pipeline, indices, test_mode, ...

    Raises:
        ConfigError: If the arguments contradict each other or the decoder is unknown.
        MissingInputsError: If there is no such data.
    """

    settings: dict = {}  # class and arguments, by which an index of this listing is known
    done: MutableMapping | None = None  # folders that an interrupted listing has seen, see walk
    problems: list[str] | None = None  # of samples that are left out; None: the first one is an error

    def __new__(cls, *args: Any, **kwargs: Any) -> 'RGBDDataset':
        """Note the arguments, whatever a subclass makes of them."""
        dataset = super().__new__(cls)
        if args or kwargs:  # none where a copy is made
            named = inspect.signature(cls.__init__).bind_partial(dataset, *args).arguments
            named.pop('self')
            given = inspect.signature(cls).bind(**named, **kwargs)
            given.apply_defaults()
            further = given.arguments.pop('kwargs', {})
            dataset.settings = dict(given.arguments, **further, type=cls.__name__)
        return dataset

    DEFAULTS: dict = {}  # arguments of a dataset with a fixed layout
    COLUMNS = ('image', 'depth')  # of ann_file
    PREPARED_BY = ''  # what makes the layout in the folder {root}
    DEPTH_OF_TURNED_IMAGE = False  # whether depth was made from the image as mmcv reads it, turned by its EXIF data
    MAY_BE_CMYK = False  # whether some images are in print colours, and are converted as OpenCV does

    def __init__(
        self,
        data_root: str,
        decoder: str,
        images: str | None = None,
        depth_from: Sequence[str] | None = None,
        intrinsics: Sequence[float] | None = None,
        resize_image: bool = False,
        exclude: str | None = None,
        ann_file: str = '',
        camera_from: Sequence[str] | None = None,
        **kwargs: Any,
    ):
        get_decoder(decoder)
        owner = f'{type(self).__name__}({data_root})'
        _check_sources(owner, data_root, images, ann_file, depth_from)
        check_flag(owner, 'resize_image', resize_image)
        if camera_from is not None:
            check_substitution(owner, 'camera_from', camera_from)
        if exclude is not None:
            check_pattern(owner, 'exclude', exclude)
        if intrinsics is not None:
            check_intrinsics(owner, intrinsics)
        if intrinsics and camera_from:
            raise ConfigError(f'{owner}: give either intrinsics or camera_from')
        self.cameras: set[Path] = set()  # files of intrinsics that were read
        self.decoder, self.images, self.depth_from, self.exclude = decoder, images, depth_from, exclude
        self.intrinsics, self.camera_from, self.resize_image = intrinsics, camera_from, resize_image
        for name in ('test_mode', 'lazy_init', 'serialize_data'):
            check_flag(owner, name, kwargs.get(name, False))
        unknown = set(kwargs) - set(inspect.signature(BaseDataset).parameters)
        unknown |= set(kwargs) & {'data_prefix', 'filter_cfg'}  # of mmengine's, which would say nothing here
        if unknown:
            raise ConfigError(f'{owner}: unknown arguments {", ".join(sorted(unknown))}')
        if Path(data_root) == Path():  # entries would not tell their files from other texts
            data_root = os.getcwd()
        super().__init__(ann_file=ann_file, data_root=data_root, **kwargs)

    @classmethod
    def missing(cls, config: dict) -> Missing | None:
        """Say what a config of this class would miss, and the command that makes it, without building it.

        None if the data are there.
        """
        try:
            found = cls._missing({**cls.DEFAULTS, **config})
        except OSError as error:  # a locked folder, a name that is too long
            found = Missing(str(config['data_root']), f'cannot be read: {error.strerror}')
        except SampleError as error:  # an archive that cannot be read
            found = Missing(str(config['data_root']), str(error))
        return found and replace(found, made_by=found.made_by or cls.PREPARED_BY.format(root=config['data_root']))

    @classmethod
    def _missing(cls, config: dict) -> Missing | None:
        """Look for the folder, the list or an image that has all files that belong to it."""
        root = Path(config['data_root'])
        if not root.is_dir():
            return Missing(str(root), 'a file, name its folder' if root.is_file() else 'no such folder')
        if config.get('ann_file'):
            return cls._missing_of_list(config, root)
        if not config.get('images'):
            raise ConfigError(f'{cls.__name__}({root}): give either ann_file or images with depth_from')
        return missing_of_folder(root, config)

    @classmethod
    def _missing_of_list(cls, config: dict, root: Path) -> Missing | None:
        listing, problem = place_of(root, config['ann_file'])
        if not is_file(listing):
            return Missing(str(listing), problem or 'no such file')
        try:
            rows = cls.rows(listing, config)[:MOST]
        except MMVDError as error:
            return Missing(str(listing), str(error).removeprefix(str(listing)).lstrip(':, '))
        needed = {'image', 'truth', '' if may_lack_depth(config) else 'depth'}  # depth alone is read without labels
        files = ([name for kind, name in zip(cls.COLUMNS, row, strict=False) if kind in needed] for row in rows)
        return first_gone(root, ((listing.name, each) for each in files))

    @classmethod
    def rows(cls, listing: Path, config: dict) -> list[tuple[str, ...]]:
        """What a list names: relative paths, in the order of ``COLUMNS``."""
        return read_list(listing, cls.COLUMNS)

    def full_init(self) -> None:
        """Open the index of the samples if tools/dataset_converters/prepare.py made one, else list them."""
        entries = None if self._fully_initialized else open_index(Path(self.data_root), self.settings)
        if entries is None:
            super().full_init()
            return
        self.data_list, self.serialize_data = entries, False
        if self._indices is not None:
            self.data_list = self._get_unserialized_subset(self._indices)
        self._fully_initialized = True

    def load_data_list(self) -> list[dict]:
        """List the pairs; a depth file that is missing is named when its sample is read."""
        root = Path(self.data_root)
        pairs = self._pairs_of_list() if self.ann_file else self._pairs_of_folder()
        if not pairs:
            raise MissingInputsError(f'{root}: no image matches {self.images or self.ann_file}')
        entries = []
        for paths in pairs:
            try:
                entries.append(self._entry(root, *paths))
            except MMVDError as error:
                self.leave_out(paths[0], error)
        return entries

    def leave_out(self, image: str, error: MMVDError) -> None:
        """A sample that cannot be listed: an error, or, where ``problems`` are collected, one of them."""
        if self.problems is None:
            raise error
        self.problems.append(f'{image}: left out: {error}')

    def sources(self, entries: Sequence[dict]) -> list[Path]:
        """Files and folders, beside those of the entries, out of which the data list was made."""
        lists = [Path(self.ann_file)] if self.ann_file else visited(Path(self.data_root), self.images)
        return [*lists, *self.cameras]

    def _pairs_of_list(self) -> list[tuple[str, ...]]:
        path = Path(self.ann_file)
        rows = self.rows(path, self.settings)
        self._check_pairs([tuple(map(os.path.normpath, row[:2])) for row in rows], str(path))
        return rows

    def _pairs_of_folder(self) -> list[tuple[str, str]]:
        root = Path(self.data_root)
        names = sorted(walk(root, self.images, self.exclude, self.done, self.problems))
        pairs = [(name, re.sub(*self.depth_from, name)) for name in names]
        self._check_pairs(pairs, f'depth_from={tuple(self.depth_from)}')
        return pairs

    def _check_pairs(self, pairs: list[tuple[str, str]], source: str) -> None:
        """No image is its own depth, and none shares its depth with another image."""
        owners = {}
        for image, depth in pairs:
            if image == depth:
                raise ConfigError(f'{self.data_root}/{image}: {source} makes the image its own depth')
            if owners.setdefault(depth, image) != image:
                raise ConfigError(f'{self.data_root}/{depth}: {source} gives it to {owners[depth]} and to {image}')

    def prepare_data(self, idx: int) -> dict:
        """One sample after the pipeline.

        Raises:
            SampleError: If its image cannot be read, also where a host's transform loads it.
            ConfigError: If nothing in the pipeline loads image or depth.
        """
        try:
            sample = super().prepare_data(idx)
        except (AssertionError, OSError, cv2.error):  # mmcv's ways to say so
            look_at_image(self.get_data_info(idx)['img_path'])
            raise  # the image is not to blame
        except KeyError as error:
            if error.args[0] not in ('img', 'depth'):
                raise
            raise ConfigError(
                f'{self.data_root}: nothing in the pipeline loads {error}: begin it with mmvd.LoadImage and '
                'mmvd.LoadDepth'
            ) from error
        if sample is None:
            raise SampleError(
                f'{self.get_data_info(idx)["img_path"]}: a transform gave nothing for this sample (an empty file?)'
            )
        return sample

    def _get_unserialized_subset(self, indices: int | Sequence[int]) -> list:
        count, numbers = len(self.data_list), [indices] if isinstance(indices, int) else indices
        whole = isinstance(numbers, (list, tuple)) and all(type(number) is int for number in numbers)
        if not whole or not numbers or indices == 0:
            raise ConfigError(
                f'{type(self).__name__}({self.data_root}): indices must be a number of samples or a list of whole '
                f'numbers, got {indices!r}'
            )
        last = count if isinstance(indices, int) else count - 1
        if any(not -count <= number <= last for number in numbers):
            raise ConfigError(
                f'{type(self).__name__}({self.data_root}): indices={indices} asks for more than the {count} samples'
            )
        return super()._get_unserialized_subset(indices)

    def _entry(self, root: Path, image: str, depth: str) -> dict:
        entry = dict(
            img_path=str(located(root, image)),
            depth_path=str(located(root, depth)),
            decoder=self.decoder,
            depth_scale=None if self.decoder == 'bop' else 1.0,
            resize_image=self.resize_image,
        )
        if self.DEPTH_OF_TURNED_IMAGE:
            entry['depth_of_turned_image'] = True
        if self.MAY_BE_CMYK:
            entry['may_be_cmyk'] = True
        if self.intrinsics is not None:
            entry['intrinsics'] = intrinsics_matrix(*self.intrinsics)
        if self.camera_from is not None:
            camera = located(root, re.sub(*self.camera_from, image))
            self.cameras.add(camera)
            entry['intrinsics'] = read_camera(camera, image)
        return entry

    def _join_prefix(self):
        if self.ann_file and self.data_root:
            self.ann_file = str(place_of(Path(self.data_root), self.ann_file)[0])


def _check_sources(owner: str, data_root: Any, images: Any, ann_file: Any, depth_from: Any) -> None:
    """What says which files there are.

    Raises:
        ConfigError: If it is of another kind, or contradicts itself.
    """
    if not isinstance(data_root, (str, Path)) or not isinstance(images, str | None):
        raise ConfigError(f'{owner}: data_root and images must be texts, got {data_root!r}, {images!r}')
    if depth_from is not None:
        check_substitution(owner, 'depth_from', depth_from)
    if images and (Path(images).is_absolute() or '..' in Path(images).parts):
        raise ConfigError(f'{owner}: images={images!r} must be a glob below data_root')
    if bool(ann_file) == bool(images):
        raise ConfigError(f'{owner}: give either ann_file or images with depth_from')
    if images and depth_from is None:
        raise ConfigError(f'{owner}: images needs depth_from=(pattern, replacement)')
