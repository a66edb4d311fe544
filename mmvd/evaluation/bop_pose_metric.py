"""6D pose, judged as BOP and PoseCNN do, beside what trivial predictors get."""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger
from torch import Tensor

from mmvd.arguments import check_flag, check_int, check_number, check_numbers
from mmvd.datasets.archives import is_file, located
from mmvd.datasets.bop_files import model_file, read_models_info, read_targets
from mmvd.datasets.decoders import read_depth
from mmvd.datasets.nesting import datasets_in
from mmvd.errors import ConfigError, Missing
from mmvd.registry import DATASETS, METRICS
from mmvd.saving import check_file

from .pose.scores import PoseScores, Truth
from .pose.submission import Estimate, is_pose, write_submission
from .pose.trivial import Seen, class_means, trivial_estimates

_COLUMNS = (
    'AR', 'AR_VSD', 'AR_MSSD', 'AR_MSPD', 'AUC_ADD', 'AUC_ADD-S', 'AUC_ADD(-S)', 'ADD<0.1d', 'ADD-S<0.1d',
    'ADD(-S)<0.1d', 'median_rotation_deg', 'median_translation_mm',
)  # fmt: skip

_POSE = ('obj_ids', 'rotations', 'translations', 'visib_fract')
_PREPARED_BY = 'the official archives of base and models; those of the rooms by python -m mmvd data bop FOLDER'


@METRICS.register_module()
class BOPPoseMetric(BaseMetric):
    """AR of BOP, AUC of ADD, ADD-S and ADD(-S) (exact area up to 100 mm), medians; per object and over all.

    Every result is told with its protocol and, where ``reference`` is given, beside four trivial predictors. Objects of
    which at least ``min_visib_fract`` is visible are to be found, or those of ``targets``; misses cost.

    Args:
        models: Folder of the object models (BOP: ``models_eval``).
        targets: File of the test targets; None: all objects that are visible enough.
        min_visib_fract: Least visible share (BOP: 0.1).
        symmetric: Ids whose ADD(-S) is ADD-S; None: those with symmetries in ``models_info.json``. (PoseCNN's list for
            YCB-V is 13, 16, 19, 20, 21, shorter than BOP's.)
        reference: Config of the training dataset, for the means of the trivial predictors; None leaves them out.
        with_vsd: Whether VSD, and so AR, is computed.
        delta_mm: Tolerance of visibility of VSD.
        submission: CSV of the estimates in BOP's format, ``METHOD_DATASET-SPLIT.csv``; None writes none. Without public
            truth nothing else is made.
        **kwargs: As in mmengine.

    Raises:
        ConfigError: If an argument is outside its domain, or the submission cannot be written.
        MissingInputsError: If there are no models or targets.
    """

    default_prefix = 'pose'

    def __init__(
        self,
        models: str,
        targets: str | None = None,
        min_visib_fract: float = 0.1,
        symmetric: Sequence[int] | None = None,
        reference: dict | None = None,
        with_vsd: bool = True,
        delta_mm: float = 15.0,
        submission: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        owner = 'BOPPoseMetric'
        if symmetric is not None:
            listed = check_numbers(owner, 'symmetric', symmetric)
            symmetric = tuple(check_int(owner, 'symmetric', each) for each in listed)
        self.models, self.targets, self.symmetric = models, targets, symmetric
        self.min_visib_fract = check_number(owner, 'min_visib_fract', min_visib_fract, 0, 1)
        self.with_vsd = check_flag(owner, 'with_vsd', with_vsd)
        self.delta_mm = check_number(owner, 'delta_mm', delta_mm, 0)
        self.reference = [part for part in datasets_in(reference) if hasattr(DATASETS.get(part['type']), 'missing')]
        if reference is not None and not self.reference:
            raise ConfigError(f'{owner}: reference must be the config of a training dataset, got {reference!r}')
        self.submission = submission
        if submission is not None:
            check_file(Path(submission))

    @classmethod
    def missing(cls, config: dict) -> Iterator[Missing]:
        """What a config of this class needs and is not here: models, targets, what renders."""
        models = Path(config['models'])
        if not is_file(model_file(models, 'models_info.json')):
            yield Missing(f'{models}/models_info.json', made_by=_PREPARED_BY)
        else:
            meshes = [model_file(models, f'obj_{obj_id:06d}.ply') for obj_id in read_models_info(models)]
            gone = [mesh for mesh in meshes if not is_file(mesh)]
            if gone:
                yield Missing(str(gone[0]), f'no such file, {len(gone)} of {len(meshes)}', _PREPARED_BY)
        targets = config.get('targets') and Path(config['targets'])
        if targets and not is_file(located(targets.parent, targets.name)):
            yield Missing(str(targets), made_by=_PREPARED_BY)
        if not all(map(find_spec, ('trimesh', 'embreex'))):
            yield Missing('trimesh and embreex', "not installed: pip install 'mmvd[pose]'")

    @cached_property
    def scores(self) -> PoseScores:
        """What judges; reads the models when it is first asked."""
        return PoseScores(self.models, self.symmetric, self.delta_mm, self.with_vsd)

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Keep estimates, truths and boxes of each image."""
        for sample in data_samples:
            self.results.append(self._of_image(sample))

    def _of_image(self, sample: dict) -> dict:
        ids = dict(scene_id=sample['scene_id'], im_id=sample['image_id'])
        K = np.asarray(sample['ori_intrinsics'], np.float64)
        depth = (sample['depth_path'], sample.get('decoder') or 'bop', float(sample.get('depth_scale', 1.0)))
        about = dict(ids, K=K, shape=sample['ori_shape'], depth=depth)
        truth, found = _numpy(sample['gt_instances']), _numpy(sample['pred_instances'])
        truths = [
            Truth(**about, obj_id=int(o), R=R, t=1000 * t, visib_fract=float(visible))
            for o, R, t, visible in zip(*(truth[key] for key in _POSE), strict=True)
        ]
        scale = np.tile(np.asarray(sample.get('scale_factor', (1.0, 1.0)), np.float64), 2)
        depth_m = read_depth(*depth) if self.reference else None
        seen = []
        for number, label in enumerate(found['labels']):
            estimate = Estimate(
                **ids,
                obj_id=int(sample['obj_ids'][label]),
                score=float(found['scores'][number]),
                R=found['rotations'][number],
                t=1000 * found['translations'][number],
            )
            box = found['bboxes'][number] / scale
            seen.append(Seen(estimate, box, K, np.nan if depth_m is None else _median_mm(depth_m, box)))
        boxes, dropped = sample.get('box_source', 'unknown'), sample.get('dropped_boxes', {})
        return dict(camera=K.tobytes(), boxes=boxes, dropped=dropped, truths=truths, seen=seen)

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Judge, print the table and write the submission."""
        seen = [each for result in results for each in result['seen']]
        estimates, truths = [each.estimate for each in seen], [each for result in results for each in result['truths']]
        if self.submission:
            write_submission(estimates, self.submission)
        if not truths:  # those of the benchmark's test set are not public
            return dict(estimates=len(estimates))
        wanted = self._wanted(truths)
        predictors = {'network': estimates}
        logger = MMLogger.get_current_instance()
        if self.reference:
            missing = next(filter(None, (DATASETS.get(part['type']).missing(part) for part in self.reference)), None)
            if missing:
                logger.warning(f'no trivial predictors: they need the training data, {missing}')
            else:
                means = class_means(self._training_instances(), self._diameters())
                predictors |= trivial_estimates(seen, truths, means)
        tables = self.scores.compare(predictors, wanted)
        no_poses = sum(not is_pose(each) for each in estimates)
        logger.info(self._report(tables, results, no_poses))
        flat = dict(tables['network']['all'])
        for name, table in tables.items():
            if name != 'network':
                flat.update({f'{name}/{key}': table['all'][key] for key in ('AUC_ADD', 'median_rotation_deg')})
        return flat

    def _wanted(self, truths: list[Truth]) -> list[Truth]:
        if self.targets is None:
            return [each for each in truths if each.visib_fract >= self.min_visib_fract]
        counts = {(t['scene_id'], t['im_id'], t['obj_id']): t['inst_count'] for t in read_targets(Path(self.targets))}
        chosen = []
        for number in sorted(range(len(truths)), key=lambda number: -truths[number].visib_fract):
            key = (truths[number].scene_id, truths[number].im_id, truths[number].obj_id)
            if counts.get(key, 0) > 0:
                counts[key] -= 1
                chosen.append(number)
        unknown = sum(counts.values())
        if unknown:
            raise ConfigError(
                f'{self.targets}: {unknown} of its targets are none of the objects that were evaluated: other frames, '
                'or min_visib_fract of the dataset leaves them out'
            )
        return [truths[number] for number in sorted(chosen)]  # of two that are equal, BOP takes the first

    def _training_instances(self) -> list[dict]:
        parts = [DATASETS.build(dict(part, pipeline=[])) for part in self.reference]
        infos = (part.get_data_info(number) for part in parts for number in range(len(part)))
        return [each for info in infos for each in info['instances']]

    def _diameters(self) -> dict[int, float]:
        return {key: info['diameter'] for key, info in read_models_info(Path(self.models)).items()}

    def _report(self, tables: dict, results: list[dict], no_poses: int) -> str:
        columns = [name for name in _COLUMNS if name in tables['network']['all']]
        boxes, dropped = sorted({each['boxes'] for each in results}), Counter()
        boxless = sum(not (each['seen'] or each['dropped']) for each in results)
        for each in results:
            dropped.update(each['dropped'])
        left_out = ', '.join(f'{count} {reason}' for reason, count in sorted(dropped.items())) or 'none'
        wanted = self.targets or f'objects at least {self.min_visib_fract:.0%} visible'
        symmetric = ', '.join(map(str, self.scores.symmetric)) or 'none'
        lines = [
            f'6D pose: {len(results)} images of {len({each["camera"] for each in results})} cameras',
            f'boxes: {" and ".join(boxes)}; left out: {left_out}; none at all in {boxless} images',
            f'to find: {wanted}; misses count as infinite errors; {no_poses} estimates are no pose and left out',
            f'ADD(-S) takes ADD-S for {symmetric}; AUC: exact area up to 100 mm, all instances pooled',
            f'{"":<26}' + ''.join(f'{name.replace("median_", "med "):>20}' for name in columns) + f'{"missed":>14}',
        ]
        for predictor, table in tables.items():
            rows = table if predictor == 'network' else {'all': table['all']}
            for name, row in rows.items():
                title = f'{predictor}, {"all" if name == "all" else f"object {name}"}'
                cells = ''.join(f'{row[column]:>20.2f}' for column in columns)
                lines.append(f'{title:<26}{cells}{row["missed"]:>7} of {row["targets"]:<4}')
        return '\n'.join(lines)


def _numpy(instances: Any) -> dict[str, np.ndarray]:
    return {key: _plain(value) for key, value in instances.items()}


def _plain(tensor: Tensor) -> np.ndarray:
    return tensor.cpu().numpy().astype(np.float64 if tensor.is_floating_point() else np.int64)


def _median_mm(depth_m: np.ndarray, box: np.ndarray) -> float:
    x1, y1, x2, y2 = np.round(box).astype(int)
    inside = depth_m[max(y1, 0) : max(y2, y1 + 1), max(x1, 0) : max(x2, x1 + 1)]
    return float(np.median(inside[inside > 0]) * 1000) if (inside > 0).any() else float('nan')
