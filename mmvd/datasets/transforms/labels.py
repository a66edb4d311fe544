"""Label maps: loading with the checks that a long training needs before it starts to learn nonsense."""

import cv2
import numpy as np
from mmcv.transforms import BaseTransform

from mmvd.arguments import check_int
from mmvd.datasets.rasters import read_labels
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
        labels = read_labels(path)
        if labels.shape != tuple(results['ori_shape'][:2]):
            raise SampleError(
                f'{path}: labels are {labels.shape} but {results.get("img_path")} is {tuple(results["ori_shape"][:2])}'
            )
        if results.get('reduce_zero_label'):
            labels = np.where((labels == 0) | (labels == IGNORE), IGNORE, labels - 1)
        wrong = np.setdiff1d(labels, [*range(results['num_classes']), IGNORE])
        if len(wrong):
            first = 1 if results.get('reduce_zero_label') else 0
            raise SampleError(
                f'{path}: label {int(wrong[0]) + first} is outside the {results["num_classes"]} classes {first} to '
                f'{results["num_classes"] - 1 + first}: convert the labels, see tools/dataset_converters'
            )
        results['gt_seg_map'] = labels.astype(np.uint8)
        results.setdefault('seg_fields', []).append('gt_seg_map')
        return results


@TRANSFORMS.register_module()
class LoadRoomInstances(BaseTransform):
    """Instances of a built-in room for mmdet; before a resize or a crop, which move them along; needs mmdet.

    Required Keys: gt_instance_map (0 = the room, 1 + o = object o), object_class, sample_idx, ori_shape

    Added Keys: gt_bboxes (N, 4) float32 x1, y1, x2, y2 in pixels, gt_bboxes_labels (N,) int64, gt_ignore_flags (N,)
        bool, gt_masks (``BitmapMasks``), and for ``mmdet.CocoMetric`` img_id and instances (boxes, labels and
        run-length masks)

    Args:
        min_pixels: Objects with fewer visible pixels are left out.

    Raises:
        ConfigError: If the room was resized or cut before: mmdet evaluates in the original one.
    """

    def __init__(self, min_pixels: int = 20):
        self.min_pixels = check_int('LoadRoomInstances', 'min_pixels', min_pixels)

    def transform(self, results: dict) -> dict:
        """Turn the instance map into boxes and masks."""
        from mmdet.structures.mask import BitmapMasks, encode_mask_results

        instances = results['gt_instance_map']
        if instances.shape != tuple(results['ori_shape']):
            raise ConfigError('LoadRoomInstances: put it before what resizes or cuts the room')
        numbers, counts = np.unique(instances, return_counts=True)
        numbers = numbers[(counts >= self.min_pixels) & (numbers > 0)]
        masks = (instances == numbers[:, None, None]).astype(np.uint8)
        boxes = np.array([cv2.boundingRect(mask) for mask in masks], np.float32).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        labels = results['object_class'][numbers - 1].astype(np.int64)
        results.update(
            gt_bboxes=boxes,
            gt_bboxes_labels=labels,
            gt_ignore_flags=np.zeros(len(numbers), bool),
            gt_masks=BitmapMasks(masks, *instances.shape),
            img_id=int(results['sample_idx']),
        )
        results['instances'] = [
            dict(bbox=box.tolist(), bbox_label=int(label), mask=mask, ignore_flag=0)
            for box, label, mask in zip(boxes, labels, encode_mask_results(list(masks)), strict=True)
        ]
        return results
