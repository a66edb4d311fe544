"""Cityscapes: stereo disparity as metric depth, by the camera of each image."""

import json
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from mmengine.logging import MMLogger

from mmvd.arguments import check_number, check_positive
from mmvd.errors import ConfigError
from mmvd.registry import DATASETS

from .archives import is_file, located, read_bytes
from .cameras import intrinsics_matrix
from .decoders import CITYSCAPES_BASELINE_M, CITYSCAPES_FOCAL_PX
from .rgbd_dataset import RGBDDataset

DEPTH_FROM = (r'leftImg8bit/(.*)_leftImg8bit', r'disparity/\1_disparity')
_CAMERA_FROM = (r'leftImg8bit/(.*)_leftImg8bit\.\w+$', r'camera/\1_camera.json')
_FIRST = (CITYSCAPES_FOCAL_PX, 2265.3017905988554, 1096.98, 513.137)  # fx, fy, cx, cy
_KEYS = dict(baseline='extrinsic', fx='intrinsic', fy='intrinsic', u0='intrinsic', v0='intrinsic')


def cityscapes_camera(root: Path, image: str, cameras: set[Path]) -> dict:
    """Intrinsics and factor of depth of an image: two stereo cameras took the images of the release.

    Args:
        root: Folder of the dataset.
        image: Relative path, ``leftImg8bit/<split>/<city>/<name>_leftImg8bit.png``.
        cameras: Gets the path of the camera's file, or of the folder that is not there.

    Returns:
        ``intrinsics`` (3, 3) and ``depth_scale``, baseline times focal length beside that of the decoder's formula.
        Without ``camera/`` (``camera_trainvaltest.zip``) those of the first camera, as the authors take them for all
        images; that is told.

    Raises:
        ConfigError: If the file holds something else.
    """
    path = located(root, re.sub(*_CAMERA_FROM, image))
    if not is_file(path):
        cameras.add(root / 'camera')
        _tell_of_one_camera(root)
        return dict(intrinsics=intrinsics_matrix(*_FIRST))
    cameras.add(path)
    try:
        content = json.loads(read_bytes(path))
        found = {key: float(check_number(str(path), key, content[part][key])) for key, part in _KEYS.items()}
    except (OSError, ValueError, TypeError, LookupError, RecursionError) as error:
        raise ConfigError(f'{path}: holds no camera of Cityscapes ({error!r})') from error
    for key in ('baseline', 'fx', 'fy'):
        check_positive(str(path), key, found[key])
    factor = found.pop('baseline') * found['fx'] / (CITYSCAPES_BASELINE_M * CITYSCAPES_FOCAL_PX)
    return dict(intrinsics=intrinsics_matrix(*found.values()), depth_scale=factor)


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
        images: Glob of the images, e.g. ``'leftImg8bit/train/*/*_leftImg8bit.png'``.
        **kwargs: As in :class:`RGBDDataset`.
    """

    DEFAULTS: dict = dict(decoder='cityscapes', depth_from=DEPTH_FROM)
    PREPARED_BY = 'the official archives leftImg8bit, disparity and camera, in place or unpacked into {root}'

    def __init__(self, data_root: str, images: str, depth_from: Sequence[str] = DEPTH_FROM, **kwargs: Any):
        super().__init__(data_root, 'cityscapes', images, depth_from, **kwargs)

    def _entry(self, root: Path, image: str, depth: str) -> dict:
        return dict(super()._entry(root, image, depth), **cityscapes_camera(root, image, self.cameras))
