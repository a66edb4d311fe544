"""Datasets in the layout of the BOP challenge."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.logging import MMLogger

from mmvd.errors import Missing, MMVDError, SampleError
from mmvd.registry import DATASETS

from .bop_files import camera_of, read_frames
from .pairing import IMAGE_ENDINGS
from .rgbd_dataset import RGBDDataset


@DATASETS.register_module()
class BOPDataset(RGBDDataset):
    """A dataset in the layout of the BOP challenge (LineMod, T-LESS, YCB-V, HomebrewedDB, ...).

    ``<data_root>/<split>/<scene>/{rgb,depth}/*.png`` with ``scene_camera.json``, which gives each frame its intrinsics
    and the millimetres per file step; or the official ``.zip`` archives in ``data_root``, which are read in place.

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
    def missing(cls, config: dict) -> Missing | None:
        """See :meth:`RGBDDataset.missing`."""
        return super().missing(dict(config, images=cls._images_of(config['split'])))

    def _pairs_of_folder(self) -> list[tuple[str, str]]:
        """Depth of every set is PNG, also where colour is JPEG; what is no image is left alone."""
        pairs = [pair for pair in super()._pairs_of_folder() if Path(pair[0]).suffix.lower() in IMAGE_ENDINGS]
        pairs = [(image, str(Path(depth).with_suffix('.png'))) for image, depth in pairs]
        self._check_pairs(pairs, 'its name')
        return pairs

    def load_data_list(self) -> list[dict]:
        """List the frames with their cameras."""
        cameras, entries, images = {}, [], super().load_data_list()
        for entry in images:
            try:
                self.cameras.add(frame_of(entry['img_path'])[0] / 'scene_camera.json')
                entries.append(self.with_camera(entry, cameras))
            except MMVDError as error:
                self.leave_out(entry['img_path'], error)
        self._tell_of_the_rest(cameras, images)
        return entries

    def _tell_of_the_rest(self, cameras: dict[Path, dict], images: Sequence[dict]) -> None:
        """Frames that a scene lists and has no image of are a part of the set, or half an archive; further cameras."""
        found = Counter(Path(entry['img_path']).parents[1] for entry in images)
        gaps = {scene: len(frames) - found[scene] for scene, frames in cameras.items() if found[scene] < len(frames)}
        if gaps:
            MMLogger.get_current_instance().warning(
                f'{self.data_root}: {sum(gaps.values())} frames of {len(gaps)} scenes have no image, first '
                f'{next(iter(gaps))}: a part of the set, or half an archive?'
            )
        further = [path for scene in cameras for path in scene.glob('scene_camera_*.json')]
        if further:
            MMLogger.get_current_instance().warning(
                f'{self.data_root}: {len(further)} files of further cameras, first {further[0]}: not read, the camera '
                'of a scene is that of scene_camera.json'
            )

    @staticmethod
    def with_camera(entry: dict, cameras: dict[Path, dict]) -> dict:
        """An entry with what its scene's file says of its camera; files are read once."""
        scene, frame = frame_of(entry['img_path'])
        if scene not in cameras:
            cameras[scene] = read_frames(scene / 'scene_camera.json')
        source = f'{scene / "scene_camera.json"}, frame {frame}'
        scale, intrinsics = camera_of(cameras[scene].get(str(frame)), source)
        return dict(entry, depth_scale=scale, intrinsics=intrinsics)


def frame_of(image: str) -> tuple[Path, int]:
    """Folder of the scene and number of the frame of an image.

    Raises:
        SampleError: If the image has no number.
    """
    path = Path(image)
    if not path.stem.isdecimal():
        raise SampleError(f'{image}: images of the BOP layout are named by their frame number')
    return path.parents[1], int(path.stem)
