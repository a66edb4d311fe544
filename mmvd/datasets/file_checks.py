"""Files of a dataset, looked at before a training: whether they are there, whole, and lie on each other."""

from collections.abc import Sequence

from mmengine.dataset import BaseDataset
from mmengine.dist import get_rank, get_world_size
from mmengine.logging import MMLogger

from mmvd.errors import DepthFileError, SampleError

from .archives import is_file
from .decoders import depth_shape
from .nesting import parts_of
from .rasters import check_upright, look_at_image
from .threads import map_in_threads
from .transforms.labels import LoadLabels
from .transforms.loading import LoadDepth


def check_files(dataset) -> None:
    """Look at the files of every sample of a dataset that lists files, and of the datasets in it.

    Each process looks at its share.

    Depth and label files must exist, label maps must be readable, of the size of their image and within the classes,
    and depth maps must be what their decoder expects and have the size of their image. Images and depth PNGs are judged
    by their first and last bytes.

    Raises:
        DepthFileError: If depth files are missing and the pipeline does not allow that, or are not what their decoder
            expects.
        SampleError: If label files are missing or odd, or image, depth and label do not lie on each other.
    """
    for part in parts_of(dataset):
        if isinstance(part, BaseDataset):
            _check_files_of(part)


def _check_files_of(dataset: BaseDataset) -> None:
    kinds = {'seg_map_path': SampleError}
    loaders = [transform for transform in dataset.pipeline.transforms if isinstance(transform, LoadDepth)]
    if not any(loader.allow_missing_depth for loader in loaders):
        kinds['depth_path'] = DepthFileError
    own = range(get_rank(), len(dataset), get_world_size())
    MMLogger.get_current_instance().info(f'{type(dataset).__name__}: looking at the files of {len(own)} samples')
    for key, error in kinds.items():
        paths = (dataset.get_data_info(index).get(key) for index in own)
        missing = [path for path in paths if path and not is_file(path)]
        if missing:
            what = 'depth' if key == 'depth_path' else 'label'
            share = ' that this process looks at' if len(own) < len(dataset) else ''
            raise error(
                f'{missing[0]}: no such {what} file, {len(missing)} of {len(own)}{share} are missing'
                + (': make them, or set allow_missing_depth=True in mmvd.LoadDepth' if what == 'depth' else '')
            )
    for _ in map_in_threads(lambda index: _check_sample(dataset, index, loaders), own):
        pass


def _check_sample(dataset: BaseDataset, index: int, loaders: Sequence[LoadDepth]) -> None:
    entry = dataset.get_data_info(index)
    shape, is_turned = look_at_image(entry['img_path'])
    depth = entry.get('depth_path', '')
    turns_along = getattr(dataset, 'DEPTH_OF_TURNED_IMAGE', False)
    check_upright(is_turned and ('seg_map_path' in entry or (depth and not turns_along)), entry['img_path'])
    if depth and is_file(depth):  # what is said in the pipeline counts more than what the dataset says
        decoder = next(
            (loader.decoder for loader in loaders if loader.key == 'depth' and loader.decoder), entry.get('decoder')
        )
        found = depth_shape(depth, decoder, entry.get('depth_scale', 1.0))
        if found != shape and not (entry.get('resize_image') or any(loader.resize_image for loader in loaders)):
            raise SampleError(
                f'{depth}: depth is {found} but {entry["img_path"]} is {shape}: register them, or set resize_image=True'
            )
    if 'seg_map_path' in entry:
        LoadLabels()(dict(entry, ori_shape=shape))
