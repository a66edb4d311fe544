"""Boxes and masks of mmdet's datasets on the pixel grid."""

from collections.abc import Callable

import numpy as np

from mmvd.errors import ConfigError

_PER_OBJECT = ('gt_bboxes_labels', 'gt_ignore_flags')
_TO_EDGES = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])  # boxes count from the image's corner, not from a centre


def move_instances(results: dict, matrix: np.ndarray, move_map: Callable) -> None:
    """Move annotated boxes and masks along with their image; objects that leave it are dropped.

    As mmdet does: judged by their boxes where they have such. A box that turns becomes the upright one around it.

    Args:
        results: The sample, whose image was moved.
        matrix: (3, 3), from old to new pixels, whose centres are at integers.
        move_map: What moves a map, and takes what fills new pixels.

    Raises:
        ConfigError: If they are those of the larger image that ``LoadDepth(resize_image=True)`` shrank.
    """
    if results.get('gt_bboxes') is None and results.get('gt_masks') is None:
        return
    if results.get('boxes_come_late'):
        raise ConfigError('LoadDepth brought the image to the size of its depth: put LoadAnnotations before it')
    from mmdet.structures.bbox import BaseBoxes, HorizontalBoxes  # here, so that other tasks need no mmdet
    from mmdet.structures.mask import BitmapMasks

    shape, kept = results['img'].shape[:2], None
    if results.get('gt_bboxes') is not None:
        boxes = results['gt_bboxes']
        boxes = boxes.clone() if isinstance(boxes, BaseBoxes) else HorizontalBoxes(boxes)
        boxes.project_(_TO_EDGES @ matrix @ np.linalg.inv(_TO_EDGES))
        boxes.clip_(shape)
        results['gt_bboxes'], kept = boxes, (boxes.areas > 0).numpy()
    if results.get('gt_masks') is not None:
        empty = results['gt_masks'].areas == 0  # crowds of mmdet's polygons
        moved = [move_map(mask.astype(np.uint8), 0) for mask in results['gt_masks'].to_ndarray()]
        results['gt_masks'] = BitmapMasks(moved, *shape)
        kept = empty | (results['gt_masks'].areas > 0) if kept is None else kept
    for key in ('gt_bboxes', 'gt_masks', *_PER_OBJECT):
        if results.get(key) is not None:
            results[key] = results[key][kept]
