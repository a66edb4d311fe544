"""Files of a dataset, looked at before a training: whether they are there, whole, and lie on each other."""

import re
from typing import Any

from mmengine.dataset import BaseDataset
from mmengine.dist import get_rank, get_world_size
from mmengine.logging import MMLogger

from mmvd.errors import DepthFileError, MMVDError, SampleError

from .archives import is_file
from .decoders import depth_shape
from .nesting import parts_of, steps_in
from .rasters import check_colours, check_upright, look_at_raster
from .threads import map_in_threads
from .transforms.labels import LoadLabels
from .transforms.loading import LoadDepth, LoadImage


def check_files(dataset) -> None:
    """Look at the files of every sample of a dataset that lists files, and of the datasets in it.

    Each process looks at its share.

    Depth and label files must exist, those of the truth, too; label maps must be readable, of the size of their image
    and within the classes, and depth maps must be what their decoder expects and have the size of their image. Images
    and depth PNGs are judged by their first and last bytes.

    Raises:
        DepthFileError: If depth files are missing and the pipeline does not allow that, or are not what their decoder
            expects.
        SampleError: If label files are missing or odd, images are none that ``mmvd.LoadImage`` takes where it loads
            them, or image, depth and label do not lie on each other.
    """
    for part in parts_of(dataset):
        if isinstance(part, BaseDataset):
            _check_files_of(part)


def _check_files_of(dataset: BaseDataset) -> None:
    steps = list(steps_in(dataset.pipeline.transforms))
    loaders: dict[str, list[LoadDepth]] = {'depth': []}  # and the truth's, where it is read
    for step in steps:
        if isinstance(step, LoadDepth):
            loaders.setdefault(step.key, []).append(step)
    kinds: dict[str, type[MMVDError]] = {'seg_map_path': SampleError}
    for key, readers in loaders.items():
        if not any(loader.allow_missing_depth for loader in readers):
            kinds[f'{key}_path'] = DepthFileError
    own = range(get_rank(), len(dataset), get_world_size())
    MMLogger.get_current_instance().info(f'{type(dataset).__name__}: looking at the files of {len(own)} samples')
    for key, error in kinds.items():
        paths = (dataset.get_data_info(index).get(key) for index in own)
        missing = [path for path in paths if path and not is_file(path)]
        if missing:
            what = 'depth' if error is DepthFileError else 'label'
            share = ' that this process looks at' if len(own) < len(dataset) else ''
            raise error(
                f'{missing[0]}: no such {what} file, {len(missing)} of {len(own)}{share} are missing'
                + (': make them, or set allow_missing_depth=True in mmvd.LoadDepth' if what == 'depth' else '')
            )
    is_strict = any(isinstance(step, LoadImage) for step in steps)
    for _ in map_in_threads(lambda index: _check_sample(dataset.get_data_info(index), loaders, is_strict), own):
        pass


def _check_sample(entry: dict[str, Any], loaders: dict[str, list[LoadDepth]], is_strict: bool) -> None:
    header = look_at_raster(entry['img_path'], 'image')
    if is_strict:
        check_colours(header, entry['img_path'], entry.get('may_be_cmyk', False))
    turns_along = entry.get('depth_of_turned_image') or any(step.depth_of_turned_image for step in loaders['depth'])
    has_others = 'seg_map_path' in entry or (not turns_along and _has_depth(entry, loaders['depth']))
    check_upright(header.orientation > 1 and has_others, entry['img_path'])
    for key in loaders:
        path = entry.get(f'{key}_path', '')
        if path and is_file(path):
            _check_depth(entry, key, header.upright_shape, loaders)
    if 'seg_map_path' in entry and 'num_classes' in entry:  # those of a host are its own
        LoadLabels()(dict(entry, ori_shape=header.upright_shape))


def _has_depth(entry: dict[str, Any], loaders: list[LoadDepth]) -> bool:
    """Whether the entry names depth, or depth is there where the pipeline looks for it."""
    rules = (loader.depth_from for loader in loaders if loader.depth_from)
    return bool(entry.get('depth_path')) or any(is_file(re.sub(*rule, entry['img_path'])) for rule in rules)


def _check_depth(entry: dict[str, Any], key: str, shape: tuple[int, int], loaders: dict[str, list[LoadDepth]]) -> None:
    """See that a depth map lies on its image; what the pipeline says counts more than what the dataset says."""
    path = entry[f'{key}_path']
    decoder = next((loader.decoder for loader in loaders[key] if loader.decoder), entry.get('decoder'))
    resizes = entry.get('resize_image') or any(each.resize_image for readers in loaders.values() for each in readers)
    found = depth_shape(path, decoder, entry.get('depth_scale'))
    if found != shape and not resizes:
        raise SampleError(
            f'{path}: depth is {found} but {entry["img_path"]} is {shape}: register them, or set resize_image=True'
        )
