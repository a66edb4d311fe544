"""Cityscapes: stereo disparity as metric depth, by the camera of each image."""

import json
import re
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from mmengine.logging import MMLogger

from mmvd.arguments import check_number, check_positive
from mmvd.errors import ConfigError, MissingInputsError, SampleError
from mmvd.registry import DATASETS

from .archives import archives_in, is_file, open_archive, read_bytes
from .cameras import intrinsics_matrix, is_pinhole
from .decoders import CITYSCAPES_BASELINE_M, CITYSCAPES_FOCAL_PX
from .presence import place_of
from .rgbd_dataset import RGBDDataset

DEPTH_FROM = (r'leftImg8bit/(.*)_leftImg8bit', r'disparity/\1_disparity')
_CAMERA_FROM = (r'leftImg8bit[^/]*/(.*?)_leftImg8bit[^/]*$', r'camera/\1_camera.json')  # foggy ones, too
_FIRST = (CITYSCAPES_FOCAL_PX, 2265.3017905988554, 1096.98, 513.137)  # fx, fy, cx, cy
_UNLIKE = 10  # times the depth of the first camera
_KEYS = dict(baseline='extrinsic', fx='intrinsic', fy='intrinsic', u0='intrinsic', v0='intrinsic')


def cityscapes_camera(root: Path, image: str, cameras: set[Path]) -> dict:
    """Intrinsics and factor of depth of an image: two stereo cameras took the images of the release.

    Args:
        root: Folder of the dataset.
        image: Relative path, ``leftImg8bit/<split>/<city>/<name>_leftImg8bit.png``.
        cameras: Gets the path of the camera's file, there or not.

    Returns:
        ``intrinsics`` (3, 3) and ``depth_scale``, baseline times focal length beside that of the decoder's formula.
        Without ``camera/`` (``camera_trainvaltest.zip``) those of the first camera, as the authors take them for all
        images; that is told.

    Raises:
        ConfigError: If the file holds something else.
        MissingInputsError: If there is none, but other images of its split have one, and it is of no sequence.
    """
    name, known = re.subn(*_CAMERA_FROM, image)
    path, _ = place_of(root, name)
    if known:
        cameras.add(path)
    if not (known and is_file(path)):
        if known and '_sequence/' not in image:  # of sequences one image in thirty has a camera
            _check_others(root, name, path)
        _tell_of_one_camera(root)
        return dict(intrinsics=intrinsics_matrix(*_FIRST))
    try:
        content = json.loads(read_bytes(path))
        found = {key: float(check_number(str(path), key, content[part][key])) for key, part in _KEYS.items()}
    except (OSError, ValueError, TypeError, LookupError, RecursionError) as error:
        reason = f'{type(error).__name__}: {str(error)[:80]}'
        raise ConfigError(f'{path}: holds no camera of Cityscapes ({reason})') from error
    for key in ('baseline', 'fx', 'fy'):
        check_positive(str(path), key, found[key])
    factor = found.pop('baseline') * found['fx'] / (CITYSCAPES_BASELINE_M * CITYSCAPES_FOCAL_PX)
    matrix = intrinsics_matrix(*found.values())
    if not (is_pinhole(matrix) and 1 / _UNLIKE < factor < _UNLIKE):
        raise ConfigError(f'{path}: no camera of a car: baseline in metres and focal lengths in pixels are expected')
    return dict(intrinsics=matrix, depth_scale=factor)


def with_camera(entry: dict, root: Path, image: str, cameras: set[Path], settings: dict) -> dict:
    """An entry with what :func:`cityscapes_camera` finds, unless it has intrinsics, or the settings ask for none."""
    if 'intrinsics' in entry or ('camera_from' in settings and settings['camera_from'] is None):
        return entry
    return entry | cityscapes_camera(root, image, cameras)


def _check_others(root: Path, name: str, path: Path) -> None:
    """Where other images of its split have a camera, one that is missing is half an archive."""
    split = re.match('(.*/)?camera/[^/]+', name)[0]
    if _has_cameras(root, split):
        raise MissingInputsError(
            f'{path}: no such camera, but others of {split} are there: fetch it, or set camera_from=None, which does '
            'without, at the depth scale of the first one'
        )


@cache
def _has_cameras(root: Path, folder: str) -> bool:
    inside = (f'{folder}/', f'{root.name}/{folder}/')
    for archive in archives_in(root):
        with suppress(SampleError):  # told of where its images are listed
            if any(name.startswith(inside) for name in open_archive(archive).names()):
                return True
    return any((root / folder).glob('*/*_camera.json'))


@cache
def _tell_of_one_camera(root: Path) -> None:
    MMLogger.get_current_instance().warning(
        f'{root}: images without camera/SPLIT/CITY/*_camera.json get the first of two cameras; those of the second are '
        '6 % too near by that: add camera_trainvaltest.zip, packed or unpacked'
    )


@DATASETS.register_module()
class CityscapesDepthDataset(RGBDDataset):
    """Images of Cityscapes with depth out of their disparity, cut at 150 m, and their cameras.

    Args:
        data_root: Folder that holds ``leftImg8bit``, ``disparity`` and ``camera``, or the official archives.
        **kwargs: As in :class:`RGBDDataset`; ``images`` is a glob as ``'leftImg8bit/train/*/*_leftImg8bit.png'``. With
            ``intrinsics`` or ``camera_from`` the cameras of the release are not asked for.
    """

    DEFAULTS: dict = dict(decoder='cityscapes', depth_from=DEPTH_FROM)
    PREPARED_BY = 'the official archives leftImg8bit, disparity and camera, in place or unpacked into {root}'

    def __init__(self, data_root: str, **kwargs: Any):
        super().__init__(data_root, **{**self.DEFAULTS, **kwargs})

    def _entry(self, root: Path, image: str, depth: str) -> dict:
        return with_camera(super()._entry(root, image, depth), root, image, self.cameras, self.settings)
