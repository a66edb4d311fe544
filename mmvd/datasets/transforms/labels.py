"""Label maps: loading with the checks that a long training needs before it starts to learn nonsense."""
import cv2
import numpy as np
from mmcv.transforms import BaseTransform

from mmvd.datasets.decoders import read_raster
from mmvd.errors import ConfigError, SampleError
from mmvd.registry import TRANSFORMS

IGNORE = 255


@TRANSFORMS.register_module()
class LoadLabels(BaseTransform):
    """Read the label map of a sample; in a test pipeline after the resize, so that labels keep the original resolution.

    Required Keys: seg_map_path, num_classes, ori_shape, reduce_zero_label (optional)

    Added Keys: gt_seg_map, (H, W) uint8, 255 = no label; seg_fields

    Raises:
        SampleError: If the file cannot be read, has another size than the image, or holds a label that no class has.
    """

    def transform(self, results: dict) -> dict:
        """Add the label map."""
        path = results['seg_map_path']
        labels = read_raster(path, SampleError)
        if labels.ndim != 2:
            raise SampleError(f'{path}: {labels.shape[2]} channels where a label map has one: a coloured picture is no label map')
        if labels.shape != tuple(results['ori_shape'][:2]):
            raise SampleError(f'{path}: labels are {labels.shape} but {results.get("img_path")} is {tuple(results["ori_shape"][:2])}')
        if results.get('reduce_zero_label'):
            labels = np.where((labels == 0) | (labels == IGNORE), IGNORE, labels - 1)
        wrong = np.setdiff1d(labels, [*range(results['num_classes']), IGNORE])
        if len(wrong):
            first = 1 if results.get('reduce_zero_label') else 0
            raise SampleError(f'{path}: label {int(wrong[0]) + first} is outside the {results["num_classes"]} classes {first} to '
                              f'{results["num_classes"] - 1 + first}: convert the labels, see tools/dataset_converters')
        results['gt_seg_map'] = labels.astype(np.uint8)
        results.setdefault('seg_fields', []).append('gt_seg_map')
        return results


@TRANSFORMS.register_module()
class LoadRoomInstances(BaseTransform):
    """Instances of a built-in room for mmdet; needs mmdet.

    Required Keys: gt_instance_map (0 = the room, 1 + o = object o), object_class

    Added Keys: gt_bboxes (N, 4) float32 x1, y1, x2, y2 in pixels, gt_bboxes_labels (N,) int64, gt_ignore_flags (N,) bool, gt_masks
    (``BitmapMasks``)

    Args:
        min_pixels: Objects with fewer visible pixels are left out.
        first_class: Class index that becomes label 0: the classes before it (wall, floor, ceiling) have no instances.
    """

    def __init__(self, min_pixels: int = 20, first_class: int = 3):
        if min_pixels < 1:
            raise ConfigError(f'LoadRoomInstances: min_pixels must be at least 1, got {min_pixels}')
        self.min_pixels, self.first_class = min_pixels, first_class

    def transform(self, results: dict) -> dict:
        """Turn the instance map into boxes and masks."""
        from mmdet.structures.mask import BitmapMasks
        instances = results['gt_instance_map']
        numbers, counts = np.unique(instances, return_counts=True)
        numbers = numbers[(counts >= self.min_pixels) & (numbers > 0)]
        masks = np.stack([instances == n for n in numbers]).astype(np.uint8) if len(numbers) else np.zeros((0, *instances.shape), np.uint8)
        boxes = np.array([cv2.boundingRect(mask) for mask in masks], np.float32).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        results['gt_bboxes'] = boxes
        results['gt_bboxes_labels'] = results['object_class'][numbers - 1].astype(np.int64) - self.first_class
        results['gt_ignore_flags'] = np.zeros(len(numbers), bool)
        results['gt_masks'] = BitmapMasks(masks, *instances.shape)
        return results
