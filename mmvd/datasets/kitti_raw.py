"""KITTI's raw drives with the depth maps of its completion benchmark."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.logging import MMLogger

from mmvd.arguments import check_choice
from mmvd.errors import Missing
from mmvd.registry import DATASETS

from .completion_datasets import RGBDCompletionDataset
from .walk import visited, walk


@DATASETS.register_module()
class KITTIRawDataset(RGBDCompletionDataset):
    """Images of the raw drives that have a depth map, in the official layouts, unpacked into one folder or as archives.

    ``DATE/DRIVE/image_0{2,3}/data/*.png`` and ``DATE/calib_cam_to_cam.txt`` of the raw data, and
    ``SPLIT/DRIVE/proj_depth/{groundtruth,velodyne_raw}/image_0{2,3}/*.png`` of the benchmark.

    Args:
        data_root: Folder with both.
        split: ``'train'`` or ``'val'`` (6852 images, those of the paper's Table 6).
        depth: ``'groundtruth'``, eleven laser scans accumulated, or ``'velodyne_raw'``, one scan, whose truth the
            former is.
        **kwargs: As in :class:`RGBDCompletionDataset`.
    """

    def __init__(self, data_root: str, split: str = 'val', depth: str = 'groundtruth', **kwargs: Any):
        check_choice('KITTIRawDataset', 'split', split, ('train', 'val'))
        check_choice('KITTIRawDataset', 'depth', depth, ('groundtruth', 'velodyne_raw'))
        self.split, self.kind = split, depth
        super().__init__(data_root, **{**self.layout(split, depth), **kwargs})

    @staticmethod
    def layout(split: str, depth: str) -> dict:
        """Arguments of :class:`RGBDCompletionDataset`."""
        of_image = r'^[^/]+/([^/]+)/(image_0\d)/data/'
        return dict(
            decoder='div256',
            images='*/*_sync/image_0[23]/data/*.png',
            depth_from=(of_image, rf'{split}/\1/proj_depth/{depth}/\2/'),
            truth_from=(of_image, rf'{split}/\1/proj_depth/groundtruth/\2/') if depth == 'velodyne_raw' else None,
            camera_from=('^([^/]+)/.*', r'\1/calib_cam_to_cam.txt'),
        )

    @classmethod
    def missing(cls, config: dict) -> Missing | None:
        """See :meth:`RGBDDataset.missing`; the first images of a drive have no depth."""
        layout = cls.layout(config.get('split', 'val'), config.get('depth', 'groundtruth'))
        found = super().missing({key: value for key, value in {**layout, **config}.items() if key != 'depth_from'})
        depths, root = cls.depths(config.get('split', 'val'), config.get('depth', 'groundtruth')), config['data_root']
        if found is None and next(walk(Path(root), depths, None, problems=[]), None) is None:
            return Missing(str(Path(root) / depths), 'no such files')
        return found

    @staticmethod
    def depths(split: str, depth: str) -> str:
        """Glob of the depth maps."""
        return f'{split}/*_sync/proj_depth/{depth}/image_0[23]/*.png'

    def _pairs_of_folder(self) -> list[tuple[str, str]]:
        pairs = super()._pairs_of_folder()
        there = set(walk(Path(self.data_root), self.depths(self.split, self.kind), None, self.done, self.problems))
        kept = [(image, depth) for image, depth in pairs if depth in there]
        MMLogger.get_current_instance().info(
            f'{self.data_root}: {len(pairs) - len(kept)} of {len(pairs)} images have no depth in {self.split}: so have '
            'the first and last of each drive, and other splits'
        )
        return kept

    def sources(self, entries: Sequence[dict]) -> list[Path]:
        """See :meth:`RGBDDataset.sources`."""
        root = Path(self.data_root)
        return [*super().sources(entries), *visited(root, self.depths(self.split, self.kind))]
