"""Frames of a BOP dataset with the poses of their objects."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.logging import MMLogger

from mmvd.arguments import check_int, check_share
from mmvd.errors import ConfigError, Missing, MissingInputsError, MMVDError, SampleError
from mmvd.registry import DATASETS

from .archives import is_file, located
from .bop_dataset import BOPDataset
from .bop_files import check_places, model_file, poses_of, read_models_info, read_targets
from .bop_scenes import Scenes, frame_of
from .label_sets import with_metainfo

_SKEW_PX = 1.0  # half a pixel at the edge of a wide view
_ODD_SHARE = 0.01  # of the frames; more are no slips of an annotator


@DATASETS.register_module()
class BOPPoseDataset(BOPDataset):
    """A BOP dataset whose entries have poses, masks and models beside image, depth and camera.

    Each entry of the data list has, beside those of :class:`BOPDataset`, ``scene_id``, ``image_id`` and ``instances``:
    for each object what :func:`mmvd.datasets.bop_files.poses_of` says (none with ``test_mode`` where the truth is not
    public), its ``bbox_label`` (place of its id in ``objects``) and the paths of its masks, ``mask_path`` (whole
    outline) and ``mask_visib_path``.

    Args:
        data_root: Folder of the dataset.
        split: Folder of the split, e.g. ``train_real``; a glob is allowed.
        objects: Ids that count, in the order of the classes, others are left out; all of the models if None.
        models: Folder of the object models below ``data_root``.
        targets: File below ``data_root`` that names the frames to test on, e.g. ``test_targets_bop19.json``; all frames
            if None.
        min_visib_fract: Objects of which less is visible are left out (PoET: 0.05); 0 keeps even hidden ones.
        **kwargs: As in :class:`RGBDDataset`.

    Raises:
        ConfigError: If an id has no model.
        MissingInputsError: If there is no such data.
        SampleError: If poses, models or targets are damaged, no object is seen in training, or, in more than a
            hundredth of the frames, objects are elsewhere than their camera sees them.
    """

    PREPARED_BY = 'the official archives, in place or unpacked into {root}; the rooms by python -m mmvd data bop {root}'

    def __init__(
        self,
        data_root: str,
        split: str,
        objects: Sequence[int] | None = None,
        models: str = 'models',
        targets: str | None = None,
        min_visib_fract: float = 0.05,
        **kwargs: Any,
    ):
        owner = f'BOPPoseDataset({data_root})'
        self.min_visib_fract = check_share(owner, 'min_visib_fract', min_visib_fract)
        self.settings = dict(self.settings, for_test=kwargs.get('test_mode', False))  # other frames are listed
        self.targets, self.models_folder = targets, located(Path(data_root), f'{models}/models_info.json').parent
        self.truth: set[Path] = set()  # files of poses, there or not
        self.models = known = read_models_info(self.models_folder)
        self.some = objects is not None  # LM-O's training images show all objects of LM
        self.objects = tuple(known) if objects is None else tuple(check_int(owner, 'objects', each) for each in objects)
        unknown = [each for each in self.objects if each not in known]
        if unknown or len(set(self.objects)) != len(self.objects):
            raise ConfigError(f'{owner}: objects={objects} must be different ids of {", ".join(map(str, known))}')
        meta = dict(classes=tuple(f'obj_{each:06d}' for each in self.objects), obj_ids=self.objects)
        super().__init__(data_root, split, metainfo=with_metainfo(owner, meta, kwargs.pop('metainfo', {})), **kwargs)

    @classmethod
    def _missing(cls, config: dict) -> Missing | None:
        root, models = Path(config['data_root']), config.get('models', 'models')
        for name in (f'{models}/models_info.json', config.get('targets')):
            if root.is_dir() and name and not is_file(located(root, name)):
                return Missing(str(root / name))
        return super()._missing(config)

    @classmethod
    def count_objects(cls, config: dict) -> int | None:
        """Number of objects of a config of this class, without building it; None without models, see ``missing``."""
        models = Path(config['data_root']) / config.get('models', 'models')
        if config.get('objects'):
            return len(config['objects'])
        return len(read_models_info(models)) if is_file(model_file(models, 'models_info.json')) else None

    def load_data_list(self) -> list[dict]:
        """List the frames with cameras and poses."""
        scenes, listed, wanted, entries = self.scenes(), super().load_data_list(), self._target_frames(), []
        if wanted is not None:
            self._check_are_there(wanted, listed)
        for entry in listed:
            scene, frame = frame_of(entry['img_path'])
            if wanted is not None and (scene.name, frame) not in wanted:
                continue
            try:
                entries.append(self._with_poses(entry, scene, frame, scenes))
            except MMVDError as error:
                self.leave_out(entry['img_path'], error)
        if scenes.problem and self.test_mode:
            MMLogger.get_current_instance().warning(
                f'{self.data_root}: poses may be where none is read: {scenes.problem}'
            )
        if not entries:
            first = f' ({self.problems[0]})' if self.problems else ''
            raise MissingInputsError(f'{self.data_root}: no frame of {self.images}{first}')
        if not (self.test_mode or any(entry['instances'] for entry in entries)):
            raise SampleError(
                f'{self.data_root}: in {self.images} none of the objects {", ".join(map(str, self.objects))} is at '
                f'least {self.min_visib_fract:g} visible: there is nothing to learn from'
            )
        return self._well_placed(entries)

    def _check_are_there(self, wanted: set[tuple[str, int]], listed: list[dict]) -> None:
        there = {(scene.name, frame) for scene, frame in (frame_of(entry['img_path']) for entry in listed)}
        gone = sorted(wanted - there)
        if gone:
            scene, frame = gone[0]
            raise MissingInputsError(
                f'{self.data_root}: {len(gone)} of {len(wanted)} frames that {self.targets} names are not there, first '
                f'{frame} of scene {scene}: unpack the rest'
            )

    def _well_placed(self, entries: list[dict]) -> list[dict]:
        """Frames whose objects are where their camera sees them; many others are refused.

        A few are left out and told of; at test they are told of alone, because a target is not lost by that.
        """
        kept, odd = [], []
        for entry in entries:
            scene, frame = frame_of(entry['img_path'])
            try:
                check_places(entry['instances'], entry['intrinsics'], self.models, f'{scene}, frame {frame}')
                kept.append(entry)
            except SampleError as error:
                odd.append(str(error))
        if len(odd) > _ODD_SHARE * len(entries):
            raise SampleError(f'{odd[0]} ({len(odd)} of {len(entries)} frames)')
        if odd and self.test_mode:
            MMLogger.get_current_instance().warning(f'{self.data_root}: {len(odd)} frames are odd, first {odd[0]}')
            return entries
        if self.problems is not None:
            self.problems += [f'left out: {each}' for each in odd]
        elif odd:
            MMLogger.get_current_instance().warning(f'{self.data_root}: {len(odd)} frames are left out, first {odd[0]}')
        return kept

    def _with_poses(self, entry: dict, scene: Path, frame: int, scenes: Scenes) -> dict:
        if not scene.name.isdecimal():
            raise SampleError(f'{scene}: scenes of the BOP layout are named by their number')
        about = dict(entry, scene_id=int(scene.name), image_id=frame)
        if np.abs(entry['intrinsics'][[0, 1], [1, 0]]).max() > _SKEW_PX:
            raise SampleError(f'{scene}, frame {frame}: cam_K has a skew, which rays and renderings do not know')
        paths = [scenes.place(scene, name) for name in ('scene_gt.json', 'scene_gt_info.json')]
        self.truth.update(paths)
        if self.test_mode and not any(map(is_file, paths)):  # not public
            return dict(about, instances=[])
        listed = [scenes.frames(path).get(str(frame)) for path in paths]
        poses = poses_of(*listed, self.objects, f'{scene}, frame {frame}', self.some, self.min_visib_fract)
        return dict(about, instances=[dict(each, bbox_label=self.objects.index(each['obj_id'])) for each in poses])

    def _target_frames(self) -> set[tuple[str, int]] | None:
        if self.targets is None:
            return None
        path = located(Path(self.data_root), self.targets)
        return {(f'{each["scene_id"]:06d}', each['im_id']) for each in read_targets(path)}

    def sources(self, entries: Sequence[dict]) -> list[Path]:
        """See :meth:`RGBDDataset.sources`."""
        further = [located(Path(self.data_root), self.targets)] if self.targets else []
        return [*super().sources(entries), *self.truth, self.models_folder / 'models_info.json', *further]

    @cached_property
    def _ends(self) -> tuple[int, int]:
        """Scenes of the first and the last frame: frames are listed by scene."""
        return tuple(super(BOPPoseDataset, self).get_data_info(number)['scene_id'] for number in (0, len(self) - 1))

    def get_data_info(self, idx: int) -> dict:
        """The entry, with the paths of the masks, and the scenes of the first and the last frame."""
        entry = super().get_data_info(idx)
        scenes, (scene, frame) = self.scenes(), frame_of(entry['img_path'])
        entry.update(obj_ids=self.objects, ori_intrinsics=entry['intrinsics'], scenes=self._ends)
        for kind in ('mask', 'mask_visib'):
            names = [f'{frame:06d}_{each["instance"]:06d}.png' for each in entry['instances']]
            folder = scenes.place(scene, f'{kind}/{names[0]}').parent if names else scene / kind
            together = names and is_file(folder / names[-1])  # mostly; others are looked for one by one
            for each, name in zip(entry['instances'], names, strict=True):
                each[f'{kind}_path'] = str(folder / name if together else scenes.place(scene, f'{kind}/{name}'))
        return entry
