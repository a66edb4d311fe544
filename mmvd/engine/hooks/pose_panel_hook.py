"""Pictures of 6D poses, the worst included."""

import heapq
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from mmengine.dist import is_main_process
from mmengine.hooks import Hook

from mmvd.arguments import check_int
from mmvd.datasets.rasters import read_image
from mmvd.errors import ConfigError
from mmvd.registry import HOOKS
from mmvd.saving import save_png_atomically
from mmvd.visualization.contact_sheet import sheet
from mmvd.visualization.poses import ESTIMATE, TRUTH, pose_picture

_MISS = 9.0  # diameters


@HOOKS.register_module()
class PosePanelHook(Hook):
    """Draws the outlines of truth (green) and estimate (magenta) of the first images and of the worst ones.

    Leaves ``vis/poses_<step>.png`` and ``vis/poses_test.png`` in the run's folder: above the first images, below those
    with the largest error, the mean over objects of the symmetry-aware surface distance as a share of the diameter, and
    nine diameters for a miss. With several processes those of the first one are drawn.

    Args:
        count: Images of each kind.

    Raises:
        ConfigError: At the start of a training whose validation judges no poses.
    """

    def __init__(self, count: int = 8):
        self.count = check_int('PosePanelHook', 'count', count, 0)
        self._start()

    def _start(self) -> None:
        self.first, self.worst, self.seen = [], [], 0

    def before_train(self, runner) -> None:
        """See that validation judges poses, before hours of training."""
        if runner.val_loop is not None:
            _models(runner.val_evaluator)

    def _before_epoch(self, runner, mode: str = 'train') -> None:
        self._start()

    def _after_iter(
        self, runner, batch_idx: int, data_batch: dict, outputs: Sequence | None = None, mode: str = 'train'
    ) -> None:
        if mode != 'train':
            self._keep(_models(getattr(runner, f'{mode}_evaluator')), outputs)

    def after_val_epoch(self, runner, metrics: dict | None = None) -> None:
        """Draw."""
        self._draw(Path(runner.work_dir) / f'vis/poses_{runner.iter}.png')

    def after_test_epoch(self, runner, metrics: dict | None = None) -> None:
        """Draw."""
        self._draw(Path(runner.work_dir) / 'vis/poses_test.png')

    def _keep(self, model, outputs: Sequence) -> None:
        if not is_main_process():
            return
        for sample in outputs:
            pairs = [_compared(model(o), *poses) for o, *poses in _pairs(sample)]
            error = float(np.mean([pair[-1] for pair in pairs])) if pairs else 0.0
            entry = (error, -self.seen, sample.img_path, np.asarray(sample.ori_intrinsics, np.float64), pairs)
            self.seen += 1
            if len(self.first) < self.count:
                self.first.append(entry)
            heapq.heappush(self.worst, entry)
            if len(self.worst) > self.count:
                heapq.heappop(self.worst)

    def _draw(self, path: Path) -> None:
        pictures = []
        for error, _, image, K, pairs in [*self.first, *sorted(self.worst, key=lambda entry: -entry[0])]:
            outlines = []
            for renderer, estimate, truth, _ in pairs:
                outlines.append((renderer, *truth, TRUTH))
                if estimate is not None:
                    outlines.append((renderer, *estimate, ESTIMATE))
            rgb = np.ascontiguousarray(read_image(image)[0][..., ::-1])
            title = f'{Path(image).parents[1].name}/{Path(image).stem}: {error:.2f} of the diameter'
            pictures.append(pose_picture(rgb, outlines, K, title))
        if pictures:
            save_png_atomically(sheet(pictures), path)


def _pairs(sample):
    """For each true object its id, the (R, t) in mm that was estimated, None if it was missed, and the true one."""
    truth, found = sample.gt_instances, sample.pred_instances
    labels, free = found.labels.tolist(), set(range(len(found)))
    annotated = sample.metainfo.get('boxes_annotated', False)
    for number, obj_id in enumerate(truth.obj_ids.tolist()):
        R, t = _numpy(truth.rotations[number]), 1000 * _numpy(truth.translations[number])
        mine = [n for n in free if sample.obj_ids[labels[n]] == obj_id]
        distances = {n: np.linalg.norm(1000 * _numpy(found.translations[n]) - t) for n in mine}
        nearest = min(distances, key=distances.get, default=None)
        if annotated:  # in one order; those without a box come last
            nearest = number if number < len(found) else None
        free.discard(nearest)
        estimate = None
        if nearest is not None:
            estimate = (_numpy(found.rotations[nearest]), 1000 * _numpy(found.translations[nearest]))
        yield obj_id, estimate, (R, t)


def _compared(model, estimate, truth) -> tuple:
    """Renderer, poses, and the error as a share of the diameter; that of a miss, or of a worse one, is ``_MISS``."""
    from mmvd.evaluation.pose import mssd

    error = _MISS
    if estimate is not None:
        error = min(mssd(*estimate, *truth, model.hull, model.symmetries) / model.diameter, _MISS)
    return model.renderer, estimate, truth, error


def _numpy(tensor) -> np.ndarray:
    return tensor.cpu().double().numpy()


def _models(evaluator):
    """From the id of an object to its mesh, as the metric has it."""
    metric = next((metric for metric in evaluator.metrics if hasattr(metric, 'scores')), None)
    if metric is None:
        raise ConfigError('PosePanelHook: draws what mmvd.BOPPoseMetric judges, which the evaluator has not')
    return metric.scores.model
