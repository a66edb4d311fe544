"""NYUv2's raw sequences: images and depth maps that were taken at different times."""

import re
from pathlib import Path
from typing import Any

import numpy as np

from mmvd.arguments import check_positive
from mmvd.errors import ConfigError, Missing, MissingInputsError, SampleError
from mmvd.registry import DATASETS

from .rgbd_dataset import RGBDDataset
from .walk import walk

_DEPTHS = 'd-*.pgm'
_TIME = re.compile(r'^[dr]-(\d+\.\d+)-')


@DATASETS.register_module()
class NYUv2RawDataset(RGBDDataset):
    """Pairs of the nearest times: ``SCENE/d-TIME-N.pgm`` with ``SCENE/r-TIME-N.ppm``.

    Depth is that of the sensor, which sees the scene from a few centimetres beside the camera: not registered, as the
    authors' code takes it. The intrinsics are those of the depth maps, out of the dataset's toolbox.

    Args:
        data_root: Folder of the scenes.
        max_gap_s: Largest gap between depth and image in seconds; a depth map without an image so near is left out (30
            images a second: choice of this implementation).
        **kwargs: As in :class:`RGBDDataset`.

    Raises:
        SampleError: If a file has no time in its name.
        MissingInputsError: If no depth map has an image near it in time.
    """

    DEFAULTS = dict(
        decoder='nyu_raw',
        images='*/r-*.ppm',
        depth_from=('/r-', '/d-'),
        intrinsics=(582.6245, 582.6910, 313.0448, 238.4439),
        exclude=r'd-1315166703\.129542-2466101449',  # damaged in the release, as others who read it tell
    )

    def __init__(self, data_root: str, max_gap_s: float = 0.02, **kwargs: Any):
        self.max_gap_s = check_positive('NYUv2RawDataset', 'max_gap_s', max_gap_s)
        if 'depth_from' in kwargs:
            raise ConfigError('NYUv2RawDataset: the times say which depth belongs to an image, leave depth_from out')
        super().__init__(data_root, **{**self.DEFAULTS, **kwargs})

    @classmethod
    def _missing(cls, config: dict) -> Missing | None:
        """Look for the folder and an image; which depth map belongs to it, the times say."""
        return super()._missing({key: value for key, value in config.items() if key != 'depth_from'})

    def _by_scene(self, pattern: str) -> dict[str, list[tuple[str, float]]]:
        """Files with the seconds at which they were taken."""
        root, found = Path(self.data_root), {}
        for name in sorted(walk(root, pattern, self.exclude, self.done, self.problems)):
            try:
                found.setdefault(str(Path(name).parent), []).append((name, _time(root, name)))
            except SampleError as error:
                self.leave_out(name, error)
        return found

    def _pairs_of_folder(self) -> list[tuple[str, str]]:
        pairs = []
        images, depths = (self._by_scene(pattern) for pattern in (self.images, f'*/{_DEPTHS}'))
        for scene in sorted(images.keys() & depths.keys()):
            names, times = zip(*images[scene], strict=True)
            times = np.array(times)
            for depth, time in depths[scene]:
                gaps = np.abs(times - time)
                nearest = int(gaps.argmin())
                if gaps[nearest] <= self.max_gap_s:
                    pairs.append((names[nearest], depth))
        if not pairs:
            raise MissingInputsError(
                f'{self.data_root}: no depth map d-*.pgm has an image r-*.ppm within {self.max_gap_s} s'
            )
        return pairs


def _time(root: Path, name: str) -> float:
    """Seconds at which a file was taken."""
    found = _TIME.match(Path(name).name)
    if not found:
        raise SampleError(f'{root / name}: files of the raw sequences are named d-TIME-N.pgm and r-TIME-N.ppm')
    return float(found[1])
