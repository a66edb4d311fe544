"""Which depth file belongs to which image of a folder."""

import os
import re
from collections import defaultdict
from pathlib import Path

from mmvd.errors import SampleError

from .rasters import shown

IMAGE_ENDINGS = ('.png', '.jpg', '.jpeg', '.bmp', '.webp', '.tif', '.tiff', '.ppm')
DEPTH_ENDINGS = ('.png', '.tif', '.tiff', '.pgm', '.exr', '.pfm', '.npy')
_KIND = re.compile(r'[-_. ]?(rgb|color|colour|image|depth)$', re.IGNORECASE)


def pair_folders(images: str | Path, depths: str | Path | None) -> list[tuple[Path, Path | None]]:
    """Pair the images of a folder with the depth files of a folder by their names.

    Names count without ending and without a last ``rgb``, ``color``, ``image`` or ``depth``; both folders may be the
    same. Hidden files, files of other kinds and, among the images, files named ``…depth`` are left out.

    Args:
        images: Folder of images.
        depths: Folder of depth files; None pairs every image with None.

    Returns:
        Pairs in the order of the image names.

    Raises:
        SampleError: If there is no such folder or no image, or an image has no depth file or more than one, or two
            images share one.
    """
    found = [path for path in _files(images, IMAGE_ENDINGS) if not _is_depth(path)]
    if not found:
        raise SampleError(f'{shown(images)}: no images in this folder ({", ".join(IMAGE_ENDINGS)})')
    if depths is None:
        return [(path, None) for path in found]
    by_name = defaultdict(list)
    for path in _files(depths, DEPTH_ENDINGS):
        if path not in found or _is_depth(path):
            by_name[common_name(path)].append(path)
    _check(found, by_name, depths)
    return [(path, by_name[common_name(path)][0]) for path in found]


def common_name(path: Path) -> str:
    """What the name of an image and that of its depth file share."""
    return _KIND.sub('', path.stem) or path.stem


def _check(images: list[Path], by_name: dict[str, list[Path]], depths: str | Path) -> None:
    owners = defaultdict(list)
    for path in images:
        owners[common_name(path)].append(path)
    for name, paths in owners.items():
        if len(paths) > 1:
            raise SampleError(f'{shown(paths[0])} and {shown(paths[1])} would share the depth of one name: rename one')
        if len(by_name.get(name, ())) > 1:
            first, second = by_name[name][:2]
            raise SampleError(
                f'{shown(paths[0])}: two depth files could belong to it, {shown(first)} and {shown(second)}: keep one'
            )
    missing = [path for path in images if common_name(path) not in by_name]
    if missing:
        raise SampleError(
            f'{shown(missing[0])}: no depth file of this name in {shown(depths)} '
            f'({len(missing)} of {len(images)} images have none)'
        )


def _is_depth(path: Path) -> bool:
    return path.stem.lower().endswith('depth')


def _files(folder: str | Path, endings: tuple[str, ...]) -> list[Path]:
    if not Path(folder).is_dir():
        raise SampleError(f'{shown(folder)}: no such folder')
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        raise SampleError(f'{shown(folder)}: this folder cannot be read ({error.strerror})') from error
    paths = (Path(folder) / name for name in names if not name.startswith('.'))
    return [path for path in paths if path.suffix.lower() in endings and not path.is_dir()]
