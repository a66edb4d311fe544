"""Datasets in the layout of the BOP challenge."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from mmvd.arguments import check_number, check_positive, check_row
from mmvd.errors import ConfigError, MissingInputsError, SampleError
from mmvd.registry import DATASETS

from .rgbd_dataset import RGBDDataset


@DATASETS.register_module()
class BOPDataset(RGBDDataset):
    """A dataset in the layout of the BOP challenge (LineMod, T-LESS, YCB-V, ...).

    ``<data_root>/<split>/<scene>/{rgb,depth}/*.png`` with ``scene_camera.json``, which gives each frame its intrinsics
    and the millimetres per file step.

    Args:
        data_root: Folder of the dataset.
        split: Folder of the split, e.g. ``train_real``; a glob is allowed.
        **kwargs: As in :class:`RGBDDataset`.
    """

    def __init__(self, data_root: str, split: str, **kwargs: Any):
        super().__init__(
            data_root=data_root, decoder='bop', images=self._images_of(split), depth_from=('/rgb/', '/depth/'), **kwargs
        )

    @staticmethod
    def _images_of(split: str) -> str:
        return f'{split}/*/rgb/*.*'

    @classmethod
    def missing(cls, config: dict) -> str | None:
        """See :meth:`RGBDDataset.missing`."""
        return super().missing(dict(data_root=config['data_root'], images=cls._images_of(config['split'])))

    def load_data_list(self) -> list[dict]:
        """List the frames with their cameras."""
        entries, cameras = super().load_data_list(), {}
        for entry in entries:
            scene, stem = Path(entry['img_path']).parents[1], Path(entry['img_path']).stem
            if not stem.isdecimal():
                raise SampleError(f'{entry["img_path"]}: images of the BOP layout are named by their frame number')
            frame = str(int(stem))
            if scene not in cameras:
                cameras[scene] = _read_cameras(scene / 'scene_camera.json')
            source = f'{scene / "scene_camera.json"}, frame {frame}'
            entry['depth_scale'], entry['intrinsics'] = _camera(cameras[scene].get(frame), source)
            entry['depth_path'] = str(Path(entry['depth_path']).with_suffix('.png'))
        return entries


def _read_cameras(path: Path) -> dict[str, dict]:
    """Cameras by frame of a scene in the BOP layout."""
    if not path.is_file():
        raise MissingInputsError(f'{path}: no such file, the depth scale of the scene is unknown')
    try:
        cameras = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise SampleError(f'{path}: no readable JSON ({error}), copy or unpack the file again') from error
    if not isinstance(cameras, dict):
        raise SampleError(f'{path}: a {type(cameras).__name__} where an entry for each frame is expected')
    return cameras


def _camera(camera: object, source: str) -> tuple[float, np.ndarray]:
    """Depth scale and (3, 3) intrinsics of one frame."""
    if not isinstance(camera, dict) or not {'depth_scale', 'cam_K'} <= camera.keys():
        raise MissingInputsError(f'{source}: no entry with depth_scale and cam_K')
    matrix = check_row(source, 'cam_K', camera['cam_K'], 9, check_number)
    check_positive(source, 'focal length fx', matrix[0])
    check_positive(source, 'focal length fy', matrix[4])
    if tuple(matrix[6:]) != (0, 0, 1):
        raise ConfigError(f'{source}: the last row of cam_K must be 0, 0, 1, got {tuple(matrix[6:])}')
    return float(check_positive(source, 'depth_scale', camera['depth_scale'])), np.array(matrix, np.float32).reshape(
        3, 3
    )
