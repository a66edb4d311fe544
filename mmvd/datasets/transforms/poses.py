"""6D poses: boxes of queries, and what the model reads."""

from pathlib import Path

import numpy as np
import torch
from mmcv.transforms import BaseTransform

from mmvd.arguments import check_choice, check_int, check_number, check_row, check_share
from mmvd.datasets.cameras import camera_fits, left_behind
from mmvd.datasets.detections import inside, queries_of, read_detections
from mmvd.datasets.sample_key import generator_of
from mmvd.errors import SampleError
from mmvd.registry import TRANSFORMS

_BOXES = dict(visible='bbox_visib', whole='bbox_obj')
_CENTRE_STD, _SIZE_STD = 0.02, 0.02  # PoET's


@TRANSFORMS.register_module()
class LoadAnnotatedBoxes(BaseTransform):
    """Take the annotated boxes of the objects as queries, on training data jittered.

    Required Keys: instances (see :class:`mmvd.BOPPoseDataset`), ori_shape

    Modified Keys: instances (objects without such a box in the image come last: they have no query, are counted, and at
        test they are missed)

    Added Keys: queries, a dict of ``bboxes`` (N, 4) float32 x1, y1, x2, y2 in pixels of the original image, ``labels``
        and ``scores``, the visible shares, in the order of the instances; dropped_boxes, numbers by reason;
        boxes_annotated; box_source, in words

    Args:
        box: ``'visible'``, the outline of what is seen (VD's code), or ``'whole'``, that of the whole object, cut at
            the image (PoET).
        jitter: Probability that a box is disturbed (PoET: 0.5, in its mode of that name): its centre by 0.02 of the
            image (standard deviation; at most half the box), its sides by a factor of 1 with 0.02 (at most 0.3).
    """

    def __init__(self, box: str = 'visible', jitter: float = 0.0):
        self.key = _BOXES[check_choice('LoadAnnotatedBoxes', 'box', box, tuple(_BOXES))]
        self.source = f'annotated, {box} outline{", jittered" if jitter else ""}'
        self.jitter = check_share('LoadAnnotatedBoxes', 'jitter', jitter)

    def transform(self, results: dict) -> dict:
        """Add the queries."""
        kept, boxless, boxes = [], [], []
        for instance in results['instances']:
            box = inside(instance[self.key], results['ori_shape'])
            (boxless if box is None else kept).append(instance)
            if box is not None:
                boxes.append(box)
        boxes = np.array(boxes, np.float32).reshape(-1, 4)
        if self.jitter:
            boxes = self._disturbed(boxes, results)
        labels = np.array([instance['bbox_label'] for instance in kept], np.int64)
        results['dropped_boxes'] = {'outside of the image or hidden': len(boxless)} if boxless else {}
        results.update(instances=[*kept, *boxless], boxes_annotated=True, box_source=self.source)
        scores = np.array([instance['visib_fract'] for instance in kept], np.float32)
        results['queries'] = dict(bboxes=boxes, labels=labels, scores=scores)
        return results

    def _disturbed(self, boxes: np.ndarray, results: dict) -> np.ndarray:
        random = generator_of(results, 'boxes')
        height, width = results['ori_shape']
        for box in boxes:
            chance, shift, factor = random.random(), random.normal(size=2), random.normal(size=2)
            if chance >= self.jitter:
                continue
            size = box[2:] - box[:2]
            centre = (box[:2] + box[2:]) / 2 + np.clip(shift * _CENTRE_STD * (width, height), -size / 2, size / 2)
            size = size * (1 + np.clip(factor * _SIZE_STD, -0.3, 0.3))
            moved = inside([*(centre - size / 2), *(centre + size / 2)], results['ori_shape'])
            box[:] = box if moved is None else moved
        return boxes


@TRANSFORMS.register_module()
class LoadDetectedBoxes(BaseTransform):
    """Take the boxes of a detector as queries, out of a file in the format of COCO's results or BOP's.

    Required Keys: image_id, scene_id, scenes (optional, of the first and the last image), ori_shape, obj_ids

    Added Keys: queries, dropped_boxes, boxes_annotated, box_source, as :class:`LoadAnnotatedBoxes` has them

    Args:
        file: JSON list of ``image_id``, ``category_id`` (the object's id), ``bbox`` (x, y, width, height), ``score``
            and, in BOP's format, ``scene_id``.
        min_score: Boxes below are left out.
        max_queries: Boxes of an image, the best scored (paper: 30).

    Raises:
        MissingInputsError: If there is no such file.
        SampleError: If it is damaged, or names no scenes where the images are of several.
    """

    def __init__(self, file: str, min_score: float = 0.0, max_queries: int = 30):
        self.file = file
        self.min_score = check_number('LoadDetectedBoxes', 'min_score', min_score)
        self.max_queries = check_int('LoadDetectedBoxes', 'max_queries', max_queries)
        self.scenes: set[int] = set()

    def transform(self, results: dict) -> dict:
        """Add the queries."""
        found = read_detections(Path(self.file))
        rows = found.get((results['scene_id'], results['image_id']), [])
        if any(scene is None for scene, _ in found):
            self._check_scenes({results['scene_id'], *results.get('scenes', ())})
            rows = found.get((None, results['image_id']), [])
        queries, dropped = queries_of(rows, results['obj_ids'], results['ori_shape'], self.min_score, self.max_queries)
        results.update(queries=queries, dropped_boxes=dropped)
        results.update(boxes_annotated=False, box_source=f'of a detector, {Path(self.file).name}')
        return results

    def _check_scenes(self, scenes: set[int]) -> None:
        """Rows without scenes are those of one scene."""
        self.scenes |= scenes
        if len(self.scenes) > 1:
            raise SampleError(
                f'{self.file}: its rows name no scene_id, and the images are of scenes '
                f'{" and ".join(map(str, sorted(self.scenes)))}'
            )


@TRANSFORMS.register_module()
class PackPoseInputs(BaseTransform):
    """Pack image, boxes and poses into mmdet's ``DetDataSample``: the ``packer`` of :class:`mmvd.PackRGBDInputs`.

    Required Keys: img, queries, instances (optional), intrinsics, scale_factor (optional)

    Added Keys: inputs (3, H, W) uint8; data_samples with ``proposals`` (``bboxes`` in pixels of the resized image,
        ``labels``, ``scores``) and, where poses are known, ``gt_instances``: ``labels``, ``obj_ids``,
        ``rotations`` (N, 3, 3) float32, ``translations`` (N, 3) float32 metres, ``visib_fract``, those of annotated
        boxes first and in their order; and meta information

    Args:
        max_queries: Most objects of an image (paper: 30); more are an error, of a detector's see
            :class:`LoadDetectedBoxes`.
        principal_point: Where it may lie, as shares of width and height: elsewhere the intrinsics are taken for those
            of an image of another size. A size that differs by less than a fifth is noticed where poses are known, see
            :func:`mmvd.datasets.bop_files.check_places`.

    Raises:
        SampleError: If there are more, or the camera is that of an image of another size.
    """

    META = ('img_path', 'depth_path', 'depth_scale', 'decoder', 'ori_shape', 'img_shape', 'scale_factor')
    POSE_META = (
        *('scene_id', 'image_id', 'obj_ids', 'ori_intrinsics'),
        *('dropped_boxes', 'boxes_annotated', 'box_source'),
    )

    def __init__(self, max_queries: int = 30, principal_point: tuple[float, float] = (0.4, 0.6)):
        self.max_queries = check_int('PackPoseInputs', 'max_queries', max_queries)
        self.principal_point = check_row('PackPoseInputs', 'principal_point', principal_point, 2, check_number)

    def transform(self, results: dict) -> dict:
        """Pack one sample."""
        from mmdet.structures import DetDataSample  # here, so that other tasks need no mmdet
        from mmengine.structures import InstanceData

        queries = results['queries']
        if len(queries['labels']) > self.max_queries:
            raise SampleError(
                f'{results.get("img_path")}: {len(queries["labels"])} objects where max_queries={self.max_queries}'
            )
        self._check_camera(results)
        scale = np.tile(np.array(results.get('scale_factor', (1.0, 1.0)), np.float32), 2)
        sample = DetDataSample(metainfo={key: results[key] for key in self.META + self.POSE_META if key in results})
        boxes = torch.from_numpy(queries['bboxes'] * scale)
        labels, scores = torch.from_numpy(queries['labels']), torch.from_numpy(queries['scores'])
        sample.proposals = InstanceData(bboxes=boxes, labels=labels, scores=scores)
        poses = [each for each in results.get('instances', ()) if 'rotation' in each]
        numbers = np.array([[*each['rotation'], *each['translation_mm']] for each in poses], np.float32).reshape(-1, 12)
        sample.gt_instances = InstanceData(
            labels=torch.tensor([each['bbox_label'] for each in poses], dtype=torch.int64),
            obj_ids=torch.tensor([each['obj_id'] for each in poses], dtype=torch.int64),
            rotations=torch.from_numpy(numbers[:, :9].reshape(-1, 3, 3)),
            translations=torch.from_numpy(numbers[:, 9:] / 1000),
            visib_fract=torch.tensor([each['visib_fract'] for each in poses], dtype=torch.float32),
        )
        inputs = torch.from_numpy(np.ascontiguousarray(results['img'].transpose(2, 0, 1)))
        return dict(inputs=inputs, data_samples=sample)

    def _check_camera(self, results: dict) -> None:
        height, width = results['img'].shape[:2]
        camera, (low, high) = results.get('intrinsics'), self.principal_point
        if camera is None:
            raise SampleError(f'{results.get("img_path")}: 6D pose needs the intrinsics of the image')
        if not camera_fits(results):
            raise left_behind(results.get('img_path'), 'PackPoseInputs')
        if not (low * width < camera[0, 2] < high * width and low * height < camera[1, 2] < high * height):
            raise SampleError(
                f'{results.get("img_path")}: its principal point {camera[0, 2]:.1f}, {camera[1, 2]:.1f} lies far from '
                f'the middle of {width}x{height}: the intrinsics of an image of another size? If not, widen '
                'principal_point of mmvd.PackPoseInputs'
            )
