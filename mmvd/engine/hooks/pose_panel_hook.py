"""Pictures of 6D poses, the worst included."""

import heapq
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from mmengine.hooks import Hook

from mmvd.arguments import check_int
from mmvd.datasets.rasters import read_image
from mmvd.engine.atomic_backend import save_png_atomically
from mmvd.errors import ConfigError
from mmvd.registry import HOOKS
from mmvd.visualization.poses import ESTIMATE, TRUTH, pose_picture, sheet


@HOOKS.register_module()
class PosePanelHook(Hook):
    """Draws the outlines of truth (green) and estimate (magenta) of the first images and of the worst ones.

    Leaves ``vis/poses_<step>.png`` and ``vis/poses_test.png`` in the run's folder: above the first images, below those
    with the largest error, the mean over objects of the symmetry-aware surface distance as a share of the diameter.

    Args:
        count: Images of each kind.
    """

    def __init__(self, count: int = 8):
        self.count = check_int('PosePanelHook', 'count', count, 0)
        self._start()

    def _start(self) -> None:
        self.first, self.worst, self.seen = [], [], 0

    def before_val_epoch(self, runner) -> None:
        """Begin anew."""
        self._start()

    def before_test_epoch(self, runner) -> None:
        """Begin anew."""
        self._start()

    def after_val_iter(
        self, runner, batch_idx: int, data_batch: dict | None = None, outputs: Sequence | None = None
    ) -> None:
        """Keep what may be drawn."""
        self._keep(_models(runner.val_evaluator), outputs)

    def after_test_iter(
        self, runner, batch_idx: int, data_batch: dict | None = None, outputs: Sequence | None = None
    ) -> None:
        """Keep what may be drawn."""
        self._keep(_models(runner.test_evaluator), outputs)

    def after_val_epoch(self, runner, metrics: dict | None = None) -> None:
        """Draw."""
        self._draw(_models(runner.val_evaluator), Path(runner.work_dir) / f'vis/poses_{runner.iter}.png')

    def after_test_epoch(self, runner, metrics: dict | None = None) -> None:
        """Draw."""
        self._draw(_models(runner.test_evaluator), Path(runner.work_dir) / 'vis/poses_test.png')

    def _keep(self, model, outputs: Sequence) -> None:
        from mmvd.evaluation.pose import mssd

        for sample in outputs:
            truth, found = sample.gt_instances, sample.pred_instances
            pairs = []
            if len(truth) == len(found):  # annotated boxes: in one order
                for o, *pose in zip(truth.obj_ids.tolist(), *map(_numpy, _poses(found) + _poses(truth)), strict=True):
                    R, t, R_gt, t_gt = pose
                    known = model(o)
                    error = mssd(R, 1000 * t, R_gt, 1000 * t_gt, known.hull, known.symmetries) / known.diameter
                    pairs.append((o, R, 1000 * t, R_gt, 1000 * t_gt, min(error, 9.0)))
            error = float(np.mean([pair[-1] for pair in pairs])) if pairs else 0.0
            entry = (error, -self.seen, sample.img_path, np.asarray(sample.ori_intrinsics, np.float64), pairs)
            self.seen += 1
            if len(self.first) < self.count:
                self.first.append(entry)
            heapq.heappush(self.worst, entry)
            if len(self.worst) > self.count:
                heapq.heappop(self.worst)

    def _draw(self, model, path: Path) -> None:
        pictures = []
        for error, _, image, K, pairs in [*self.first, *sorted(self.worst, key=lambda entry: -entry[0])]:
            outlines = []
            for o, R, t, R_gt, t_gt, _ in pairs:
                outlines += [(model(o).renderer, R_gt, t_gt, TRUTH), (model(o).renderer, R, t, ESTIMATE)]
            rgb = np.ascontiguousarray(read_image(image)[0][..., ::-1])
            title = f'{Path(image).parents[1].name}/{Path(image).stem}: {error:.2f} of the diameter'
            pictures.append(pose_picture(rgb, outlines, K, title))
        if pictures:
            save_png_atomically(sheet(pictures), path)


def _poses(instances) -> list:
    return [instances.rotations, instances.translations]


def _numpy(tensor) -> np.ndarray:
    return tensor.cpu().double().numpy()


def _models(evaluator):
    """From the id of an object to its mesh, as the metric has it."""
    metric = next((metric for metric in evaluator.metrics if hasattr(metric, 'scores')), None)
    if metric is None:
        raise ConfigError('PosePanelHook: draws what mmvd.BOPPoseMetric judges, which the evaluator has not')
    return metric.scores.model
