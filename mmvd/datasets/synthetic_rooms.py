"""The built-in RGB-D data as a dataset."""

from dataclasses import replace

import torch
from mmengine.dataset import Compose
from torch.utils.data import Dataset

from mmvd.arguments import check_choice, check_flag, check_int, check_size
from mmvd.registry import DATASETS

from .label_sets import label_metainfo
from .probe_splits import HOLDOUT, TEST
from .rooms import SCENES, Rooms, render_rooms
from .sample_key import KeyedIndex, sample_key


@DATASETS.register_module()
class SyntheticRooms(Dataset):
    """Ray-cast rooms with exact labels, deterministic in (seed, index), without files.

    A sample has ``img`` (H, W, 3) uint8 in OpenMMLab's BGR order, ``depth`` (H, W) float32 metres (0 = missing),
    ``gt_seg_map`` (H, W) uint8, ``gt_instance_map`` (H, W) int32 (0 = the room, 1 + o = object o), ``gt_label`` (scene
    class), ``intrinsics`` (3, 3), ``object_class`` (O,), ``object_pose`` (O, 4, 4) object -> camera and
    ``visible_pixels`` (O,). ``gt_depth`` is the exact depth if ``exact_target`` is set.

    Args:
        length: Number of rooms.
        seed: Seed of the data; rooms of different seeds have nothing in common.
        size: (height, width) in pixels.
        sensor: Whether depth goes through the sensor model.
        exact_target: Whether samples bring the exact depth as the target to complete, with or without ``sensor``.
        shuffle_textures: Whether materials are drawn regardless of the class, so that colour says nothing of it.
        cache: Whether rendered rooms are kept in memory (14 bytes per pixel), per worker process.
        split: What the rooms are for, as ``mmvd.LinearProbeMetric`` reads it.
        pipeline: Transforms.
        test_mode: Accepted for OpenMMLab's sake; the data are the same.
    """

    METAINFO = dict(label_metainfo('rooms'), scenes=SCENES, dataset_type='SyntheticRooms')

    def __init__(
        self,
        length: int,
        seed: int = 0,
        size: tuple[int, int] = (224, 224),
        sensor: bool = False,
        exact_target: bool = False,
        shuffle_textures: bool = False,
        cache: bool = False,
        split: str = 'test',
        pipeline: list = (),
        test_mode: bool = False,
    ):
        check_choice('SyntheticRooms', 'split', split, (HOLDOUT, TEST))
        owner, self.split = 'SyntheticRooms', split
        self.length, self.seed = check_int(owner, 'length', length), check_int(owner, 'seed', seed, 0)
        self.size = check_size(owner, 'size', size)
        flags = dict(sensor=sensor, exact_target=exact_target, shuffle_textures=shuffle_textures, cache=cache)
        for name, flag in flags.items():
            check_flag(owner, name, flag)
        self.sensor, self.exact_target, self.shuffle_textures, self.test_mode = (
            sensor,
            exact_target,
            shuffle_textures,
            test_mode,
        )
        self._cache = {} if cache else None
        self.pipeline = Compose(pipeline)
        self.metainfo = dict(self.METAINFO)

    @classmethod
    def count_classes(cls, config: dict) -> int:
        """Number of semantic classes of a config of this class."""
        return len(cls.METAINFO['classes'])

    @classmethod
    def count_scenes(cls, config: dict) -> int:
        """Number of scene classes of a config of this class."""
        return len(cls.METAINFO['scenes'])

    def __len__(self) -> int:
        return self.length

    def full_init(self) -> None:
        """Nothing to read; OpenMMLab's wrappers call it."""

    def render(self, index: int) -> Rooms:
        """The frame of one index, batch of 1, on the CPU; label maps as small as they can be."""
        if not 0 <= index < self.length:
            raise IndexError(f'index {int(index)} of {self.length} rooms')
        if self._cache is not None and index in self._cache:
            return self._cache[index]
        key = torch.tensor([sample_key(self.seed, 0, index)])
        rooms = render_rooms(key, *self.size, sensor=self.sensor, shuffle_textures=self.shuffle_textures)
        rooms = replace(rooms, semantic=rooms.semantic.to(torch.uint8), instance=rooms.instance.to(torch.int16))
        if self._cache is not None:
            self._cache[int(index)] = rooms
        return rooms

    def name_of(self, index: int) -> str:
        """What stands for the path of a room's image."""
        return f'room {self.seed}/{int(index)}'

    def get_data_info(self, index: int) -> dict:
        """One sample before the pipeline; see the class."""
        room = self.render(index)
        data = dict(
            img=room.rgb[0].flip(-1).numpy().copy(),
            depth=room.depth[0].numpy().copy(),
            gt_seg_map=room.semantic[0].numpy().copy(),
            gt_instance_map=room.instance[0].int().numpy(),
            gt_label=int(room.scene[0]),
            split=self.split,
            intrinsics=room.intrinsics[0].numpy().copy(),
            object_class=room.object_class[0].numpy(),
            object_pose=room.object_pose[0].numpy(),
            visible_pixels=room.visible_pixels[0].numpy(),
            img_path=self.name_of(index),
            img_shape=self.size,
            ori_shape=self.size,
            seg_fields=['gt_seg_map', 'gt_instance_map', 'depth'],
            sample_idx=index,
        )
        if self.exact_target:
            data['gt_depth'] = room.exact_depth[0].numpy().copy()
            data['seg_fields'].append('gt_depth')
        return data

    def prepare_data(self, index: int) -> dict:
        """One sample after the pipeline."""
        return self.pipeline(self.get_data_info(index))

    def __getitem__(self, index: int) -> dict:
        return self.prepare_data(index if isinstance(index, KeyedIndex) else int(index))
