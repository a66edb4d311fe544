"""Datasets in the layout of the BOP challenge."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any

from mmengine.logging import MMLogger

from mmvd.errors import ConfigError, Missing, MMVDError
from mmvd.registry import DATASETS

from .bop_files import camera_of
from .bop_scenes import Scenes, frame_of
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
        return f'{PurePosixPath(split)}/*/rgb/*.*'

    @classmethod
    def missing(cls, config: dict) -> Missing | None:
        """See :meth:`RGBDDataset.missing`."""
        beside = dict(
            depth_from=(r'/rgb/(.*)\.[^.]+$', r'/depth/\1.png'), camera_from=('/rgb/.*', '/scene_camera.json')
        )
        return super().missing(dict(config, images=cls._images_of(config['split']), **beside))

    def _pairs_of_folder(self) -> list[tuple[str, str]]:
        """Depth of every set is PNG, also where colour is JPEG; what is no image is left alone."""
        pairs = [pair for pair in super()._pairs_of_folder() if Path(pair[0]).suffix.lower() in IMAGE_ENDINGS]
        kept: dict[str, str] = {}
        for image, depth in pairs:
            first = kept.setdefault(str(Path(depth).with_suffix('.png')), image)
            if first != image:
                self.leave_out(image, ConfigError(f'{self.data_root}/{first} is the same frame: keep one of them'))
        return [(image, depth) for depth, image in kept.items()]

    def scenes(self) -> Scenes:
        """The scenes of the split, none of whose files is read yet."""
        return Scenes(Path(self.data_root), len(Path(self.images).parts) - 2)

    def load_data_list(self) -> list[dict]:
        """List the frames with their cameras."""
        scenes, entries, images = self.scenes(), [], super().load_data_list()
        for entry in images:
            try:
                entries.append(self._with_camera(entry, scenes))
            except MMVDError as error:
                self.leave_out(entry['img_path'], error)
        self._tell_of_the_rest(scenes, images)
        return entries

    def _with_camera(self, entry: dict, scenes: Scenes) -> dict:
        scene, frame = frame_of(entry['img_path'])
        path = scenes.place(scene, 'scene_camera.json')
        self.cameras.add(path)
        scale, intrinsics = camera_of(scenes.frames(path).get(str(frame)), f'{path}, frame {frame}')
        return dict(entry, depth_scale=scale, intrinsics=intrinsics)

    def _tell_of_the_rest(self, scenes: Scenes, images: Sequence[dict]) -> None:
        """Frames that a scene lists and has no image of are a part of the set, or half an archive; further cameras."""
        found = Counter(scenes.name(Path(entry['img_path']).parents[1]) for entry in images)
        listed = defaultdict(set)
        for path in sorted(self.cameras):
            with suppress(MMVDError):  # told of with each of its frames
                listed[scenes.name(path.parent)] |= scenes.frames(path).keys()
        gaps = {scene: len(frames) - found[scene] for scene, frames in listed.items() if found[scene] < len(frames)}
        if gaps:
            MMLogger.get_current_instance().warning(
                f'{self.data_root}: {sum(gaps.values())} frames of {len(gaps)} scenes have no image, first '
                f'{next(iter(gaps))}: a part of the set, or half an archive?'
            )
        further = [path for camera in sorted(self.cameras) for path in camera.parent.glob('scene_camera_*.json')]
        if further:
            MMLogger.get_current_instance().warning(
                f'{self.data_root}: {len(further)} files of further cameras, first {further[0]}: not read, the camera '
                'of a scene is that of scene_camera.json'
            )
