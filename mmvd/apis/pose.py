"""6D poses of objects in RGB-D images."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from mmengine.config import Config

from mmvd.datasets.bop_files import model_file, read_model_info
from mmvd.datasets.cameras import project
from mmvd.datasets.detections import detection_of, queries_of, read_rows, whole
from mmvd.datasets.meshes import MeshRenderer, load_mesh
from mmvd.errors import ConfigError, SampleError
from mmvd.evaluation.pose.submission import Estimate, is_pose
from mmvd.saving import save_json
from mmvd.visualization.poses import ESTIMATE, pose_picture

from .inputs import Frame
from .task_inferencer import TaskInferencer

_AXES_MM = 100.0  # length
_AXES = ((230, 60, 60), (60, 200, 60), (70, 110, 240))  # x, y, z


class RGBDPoseInferencer(TaskInferencer):
    """Estimates the pose of the objects in given boxes, see :class:`TaskInferencer`.

    Each prediction has ``obj_ids`` (N,), ``rotations`` (N, 3, 3) from object to camera, ``translations_mm`` (N, 3),
    ``scores`` (N,) and ``bboxes`` (N, 4) x1, y1, x2, y2 in pixels of the image, best scored first; ``left_out`` says
    how many boxes have none, by reason. In a folder it leaves ``NAME_poses.json``, with the keys of BOP, and
    ``NAME_panel.png``.

    Args:
        config: As in :class:`TaskInferencer`.
        checkpoint: As in :class:`TaskInferencer`.
        device: As in :class:`TaskInferencer`.
        dtype: As in :class:`TaskInferencer`.
        intrinsics: ``(fx, fy, cx, cy)`` in pixels of the images as they are given; needed.
        boxes: What a detector found: a JSON file in the format of COCO's or BOP's results, or a list of its rows with
            ``category_id`` (the object's id), ``bbox`` (x, y, width, height), ``score`` and, for several images,
            ``image`` (the name of the file) or ``image_id`` (where that name is a number of six digits). An image
            without boxes has no poses.
        models: Folder of the object models, for outlines in the pictures; without it axes are drawn.

    Raises:
        ConfigError: If camera or boxes are missing, or the config is not one of the task.
        MissingInputsError: If there is no such file of boxes.
        SampleError: If it is damaged.
    """

    files = ('_poses.json',)

    def __init__(
        self,
        config: str | Path | Config,
        checkpoint: str | Path | None = None,
        device: str | torch.device | None = None,
        dtype: torch.dtype | None = None,
        *,
        intrinsics: Sequence[float] | None = None,
        boxes: str | Path | Sequence[dict] | None = None,
        models: str | Path | None = None,
    ):
        if intrinsics is None or boxes is None:
            raise ConfigError('RGBDPoseInferencer: 6D pose needs the intrinsics of the camera and boxes of the objects')
        self.boxes = read_boxes(boxes)
        super().__init__(config, checkpoint, device, dtype, intrinsics=intrinsics)
        self.obj_ids = tuple(self.meta.get('obj_ids') or ())
        if len(self.obj_ids) != self.model.head.num_classes:
            raise ConfigError(
                f'RGBDPoseInferencer: the head has {self.model.head.num_classes} classes, checkpoint and config name '
                f'the objects {self.obj_ids}: set objects=[...] of the test dataset'
            )
        self.models, self._renderers, self._named = None if models is None else Path(models), {}, set()
        packers = [step.packer for step in self.pipeline.transforms if getattr(step, 'packer', None) is not None]
        if not packers:
            raise ConfigError(
                'RGBDPoseInferencer: the test pipeline has no mmvd.PackRGBDInputs with mmvd.PackPoseInputs'
            )
        self.max_queries = packers[0].max_queries
        wanted = {row['detection'][0] for row in self.boxes} if self.models else ()
        for obj_id in sorted(set(self.obj_ids).intersection(wanted)):
            self._renderer(obj_id)  # now, not after the network

    def check(self, config: Config) -> None:
        """Refuse what estimates no poses."""
        if config.get('model', {}).get('type') not in ('PoseEstimator', 'mmvd.PoseEstimator'):
            raise ConfigError(f'{config.filename or "the config"}: is none of mmvd.PoseEstimator')

    def _metainfo(self, config: Config, leaf: dict, kind: type | None) -> dict:
        objects = {'obj_ids': tuple(leaf['objects'])} if leaf.get('objects') else {}
        return {**objects, **super()._metainfo(config, leaf, kind)}

    def _results(self, frame: Frame) -> dict:
        found = super()._results(frame)
        self._named.add(frame.name)
        rows = [row['detection'] for row in self.boxes if row['image'] in (None, frame.name)]
        queries, dropped = queries_of(rows, self.obj_ids, frame.depth_m.shape, max_queries=self.max_queries)
        return dict(found, queries=queries, dropped_boxes=dropped, instances=[])

    def predict(self, frames: list[Frame]) -> list[dict]:
        """Estimate."""
        batch = self.batch(frames)
        with self.precision():
            samples = self.model(batch['inputs'], batch['data_samples'], mode='predict')
        return [self._prediction(sample) for sample in samples]

    def _prediction(self, sample) -> dict:
        found = {name: value.float().cpu().numpy() for name, value in sample.pred_instances.items()}
        scale = np.tile(np.array(sample.get('scale_factor', (1.0, 1.0))), 2)
        prediction = dict(
            obj_ids=np.array([self.obj_ids[int(label)] for label in found['labels']]),
            rotations=found['rotations'],
            translations_mm=1000 * found['translations'],
            scores=found['scores'],
            bboxes=found['bboxes'] / scale,
        )
        rows = zip(*(prediction[key] for key in ('obj_ids', 'scores', 'rotations', 'translations_mm')), strict=True)
        poses = np.array([is_pose(Estimate(0, 0, *row)) for row in rows], bool)
        left_out = dict(sample.dropped_boxes)
        if not poses.all():
            left_out['whose estimate is no pose'] = int((~poses).sum())
        return dict({key: value[poses] for key, value in prediction.items()}, left_out=left_out)

    def unused_boxes(self, skipped: Sequence[str] = ()) -> list[str]:
        """For each box whose image was in no call until now, or could not be read, the name of that image.

        Args:
            skipped: Images that calls passed over, because their results are there.
        """
        known = {None, *self._named, *skipped}
        return [row['image'] for row in self.boxes if row['image'] not in known]

    def picture(self, frame: Frame, prediction: dict) -> np.ndarray:
        """The image with the outlines, or the axes, of the objects."""
        K, outlines, rgb = self.camera.astype(np.float64), [], np.ascontiguousarray(frame.rgb)
        for obj_id, R, t in zip(*(prediction[key] for key in ('obj_ids', 'rotations', 'translations_mm')), strict=True):
            if self.models is not None:
                outlines.append((self._renderer(int(obj_id)), R.astype(float), t.astype(float), ESTIMATE))
            else:
                rgb = _with_axes(rgb, R, t, K)
        return pose_picture(rgb, outlines, K)

    def _renderer(self, obj_id: int) -> MeshRenderer:
        if obj_id not in self._renderers:
            diameter = read_model_info(self.models, obj_id)['diameter']
            self._renderers[obj_id] = MeshRenderer(
                load_mesh(model_file(self.models, f'obj_{obj_id:06d}.ply'), diameter)
            )
        return self._renderers[obj_id]

    def save(self, frame: Frame, prediction: dict, folder: Path) -> None:
        """Write the poses."""
        rows = [
            dict(
                obj_id=int(prediction['obj_ids'][n]),
                cam_R_m2c=prediction['rotations'][n].astype(float).flatten().tolist(),
                cam_t_m2c=prediction['translations_mm'][n].astype(float).tolist(),
                score=float(prediction['scores'][n]),
                bbox=prediction['bboxes'][n].astype(float).tolist(),
            )
            for n in range(len(prediction['obj_ids']))
        ]
        save_json(rows, folder / f'{frame.name}_poses.json')


def read_boxes(boxes: str | Path | Sequence[dict]) -> list[dict]:
    """Rows of ``image`` (name or None) and ``detection`` (object, corners, score); see the inferencer."""
    source, rows = 'boxes', boxes
    if isinstance(boxes, str | Path):
        source, rows = str(boxes), read_rows(Path(boxes))
    try:
        scenes = {row.get('scene_id') for row in rows}
        if len(scenes) > 1:
            raise SampleError(f'{source}: boxes of {len(scenes)} scenes, whose images have one name: give those of one')
        found = [_row(row) for row in rows]
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise SampleError(f'{source}: no list of boxes with category_id, bbox and score ({error!r})') from error
    names: dict[str, str] = {}
    for image in (str(row['image']) for row in rows if row.get('image') is not None):
        other = names.setdefault(Path(image).stem, image)
        if other != image:
            raise SampleError(f'{source}: {other} and {image} have one name: give boxes of one folder at a time')
    return found


def _row(row: dict[str, Any]) -> dict:
    image = row.get('image')
    if image is None and row.get('image_id') is not None:
        image = f'{whole(row["image_id"]):06d}'
    if image == '':
        raise ValueError('an image without a name')
    image = None if image is None else Path(str(image)).stem
    return dict(image=image, detection=detection_of(row))


def _with_axes(rgb: np.ndarray, R: np.ndarray, t: np.ndarray, K: np.ndarray) -> np.ndarray:
    """The axes of an object, drawn over an image."""
    points = np.concatenate((np.zeros((1, 3)), _AXES_MM * np.eye(3))) @ R.T + t
    if points[:, 2].min() <= 0:
        return rgb
    pixels = np.rint(project(points, K)).clip(-1e6, 1e6).astype(int)
    for end, colour in zip(pixels[1:], _AXES, strict=True):
        rgb = cv2.line(rgb, tuple(map(int, pixels[0])), tuple(map(int, end)), colour, 2, cv2.LINE_AA)
    return rgb
