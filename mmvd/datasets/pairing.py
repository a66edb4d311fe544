"""Which depth file belongs to which image of a folder."""

import os
import re
from collections import defaultdict
from pathlib import Path

from mmvd.errors import SampleError

from .rasters import shown

IMAGE_ENDINGS = ('.png', '.jpg', '.jpeg', '.bmp', '.webp', '.tif', '.tiff', '.ppm')
DEPTH_ENDINGS = ('.png', '.tif', '.tiff', '.pgm', '.exr', '.pfm', '.npy')
PANEL = '_panel.png'  # behind the name of the image that a picture of results belongs to
_WORDS = '(rgb|color|colour|image|depth)'
_KIND = re.compile(rf'^{_WORDS}([-_. ]|(?=\d))|[-_. ]?{_WORDS}$', re.IGNORECASE)
_DEPTH = re.compile(r'^depth([-_. \d]|$)|depth$', re.IGNORECASE)


def pair_folders(
    images: str | Path, depths: str | Path | None, allow_missing: bool = False
) -> list[tuple[Path, Path | None]]:
    """Pair the images of a folder with the depth files of a folder by their names.

    Names count without ending and without ``rgb``, ``color``, ``image`` or ``depth`` at their beginning or end; both
    folders may be the same. Hidden files, files of other kinds and, among the images, depth files by name and panels of
    earlier results are left out.

    Args:
        images: Folder of images.
        depths: Folder of depth files; None pairs every image with None.
        allow_missing: Whether an image without a depth file is paired with None, instead of ending the call.

    Returns:
        Pairs in the order of the image names.

    Raises:
        SampleError: If there is no such folder or no image, or an image has no depth file or more than one, or two
            images share one.
    """
    found = [path for path in _files(images, IMAGE_ENDINGS) if not _is_depth(path)]
    panels = {path.with_name(f'{path.stem}{PANEL}') for path in found}
    if not found:
        raise SampleError(f'{shown(images)}: no images in this folder ({", ".join(IMAGE_ENDINGS)})')
    if depths is None:
        return [(path, None) for path in found if path not in panels]
    by_name, images_found = defaultdict(list), set(found)
    for path in _files(depths, DEPTH_ENDINGS):
        if path not in images_found or _is_depth(path):
            by_name[common_name(path)].append(path)
    found = [path for path in found if path not in panels or common_name(path) in by_name]
    _check_doubts(found, by_name)
    missing = [path for path in found if common_name(path) not in by_name]
    if missing and (not allow_missing or len(missing) == len(found)):
        raise SampleError(
            f'{shown(missing[0])}: no depth file of this name in {shown(depths)} '
            f'({len(missing)} of {len(found)} images have none)'
        )
    return [(path, by_name.get(common_name(path), [None])[0]) for path in found]


def common_name(path: Path) -> str:
    """What the name of an image and that of its depth file share."""
    return _KIND.sub('', path.stem)


def _check_doubts(images: list[Path], by_name: dict[str, list[Path]]) -> None:
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


def _is_depth(path: Path) -> bool:
    return bool(_DEPTH.search(path.stem))


def _files(folder: str | Path, endings: tuple[str, ...]) -> list[Path]:
    if not Path(folder).is_dir():
        raise SampleError(f'{shown(folder)}: no such folder')
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        raise SampleError(f'{shown(folder)}: this folder cannot be read ({error.strerror})') from error
    paths = (Path(folder) / name for name in names if not name.startswith('.'))
    return [path for path in paths if path.suffix.lower() in endings and not path.is_dir()]
