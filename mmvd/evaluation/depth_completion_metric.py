"""Depth completion errors per density, on removed, kept and all pixels, beside baselines."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger
from torch import Tensor

from mmvd.arguments import check_choice, check_depth_range, check_positive
from mmvd.ops import auc, keep_measured
from mmvd.registry import METRICS

from .baselines import BASELINES, READ_THE_IMAGE, complete_maps
from .depth_errors import KEYS, depth_errors

SUBSETS = ('removed', 'kept', 'all')
REDUCTIONS = dict(image='per image, then mean over images', pixel='over the pixels of all images')
_SQUARED = [KEYS.index(key) for key in ('rmse_mm', 'irmse_per_km')]  # roots of means: their squares are averaged


@METRICS.register_module()
class DepthCompletionMetric(BaseMetric):
    """Errors per image, averaged over images or over pixels.

    An image without pixels in a subset does not count there. Images without valid truth and predictions that are not
    finite where there is truth are named in the log and counted in the result; the latter leave it without a number.

    A pixel counts where the target is valid; it is *kept* where the input has depth, else *removed*. The grid of
    densities comes with the samples from the model's ``test_cfg``. The full result is in ``result`` (nested, with the
    protocol); the returned scalars are the RMSE of removed pixels per density and the areas.

    Args:
        min_depth_m: Targets nearer than it do not count, predictions are clipped to it (authors' code: 0.01).
        cap_m: Targets beyond it do not count, predictions are clipped to it (authors' code: 150).
        baselines: Names out of :data:`mmvd.evaluation.baselines.BASELINES`, computed on the same input.
        reduction: ``'image'`` (KITTI's and KBNet's rule, authors' code) or ``'pixel'``.
        test_set: Name of data and split, for the protocol.
        **kwargs: As in mmengine: prefix, collect_device.
    """

    default_prefix = 'completion'

    def __init__(
        self,
        min_depth_m: float = 0.01,
        cap_m: float = 150.0,
        baselines: Sequence[str] = ('nearest', 'inpaint', 'mean'),
        reduction: str = 'image',
        test_set: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        owner = 'DepthCompletionMetric'
        self.min_depth_m, self.cap_m = check_depth_range(owner, min_depth_m, cap_m)
        check_positive(owner, 'min_depth_m', min_depth_m)  # 0 is missing truth
        self.baselines = tuple(baselines) if isinstance(baselines, (list, tuple)) else (baselines,)
        for name in self.baselines:
            check_choice(owner, 'baselines', name, sorted(BASELINES))
        self.reduction = check_choice(owner, 'reduction', reduction, tuple(REDUCTIONS))
        self.test_set = test_set
        self.result: dict = {}
        self._baseline_errors: dict[int, dict[str, np.ndarray]] = {}  # masks do not change between validations

    def process(self, data_batch: dict, data_samples: Sequence) -> None:
        """Reduce each sample to a few numbers."""
        reads_images = any(name in READ_THE_IMAGE for name in self.baselines)
        for number, sample in enumerate(data_samples):
            sample = sample if isinstance(sample, dict) else sample.to_dict()
            image = data_batch['inputs'][number] if reads_images else None
            target, given = sample['gt_depth'], sample['input_depth']
            valid = (target >= self.min_depth_m) & (target <= self.cap_m)
            masks = [valid & (given <= 0), valid & (given > 0), valid.expand_as(given)]
            counts = torch.stack([mask.flatten(1).sum(1) for mask in masks]).cpu().numpy()
            numbers = dict(
                counts=counts,
                protocol=sample.get('protocol', {}),
                method=sample.get('method', {}),
                model=self._errors(sample['pred_depth'], target, masks),
                model_keep_input=self._errors(_kept(sample['pred_depth'], given), target, masks),
                size=tuple(target.shape[-2:]),
                holes=self._holes(sample, valid),
            )
            numbers.update(self._baselines_of(sample, image, target, masks))
            numbers.update(self._probes(sample, target))
            self.results.append(numbers)

    def _holes(self, sample: dict, valid: Tensor) -> dict[str, bool]:
        """What of this image cannot be measured."""
        pred = sample['pred_depth']
        holes = dict(no_valid_truth=not bool(valid.any()))
        holes['prediction_not_finite'] = not bool(torch.isfinite(pred[valid.expand_as(pred)]).all())
        for what, found in holes.items():
            if found:
                MMLogger.get_current_instance().warning(f'{sample.get("img_path", "an image")}: {what}')
        return holes

    def _errors(self, pred: Tensor, target: Tensor, masks: Sequence[Tensor]) -> np.ndarray:
        """(subsets, D, errors)."""
        return depth_errors(self._capped(pred), target, masks).cpu().numpy()

    def _capped(self, pred: Tensor) -> Tensor:
        return torch.where(pred.isfinite(), pred, torch.nan).clamp(self.min_depth_m, self.cap_m)  # inf is no far depth

    def _baselines_of(
        self, sample: dict, image: Tensor | None, target: Tensor, masks: Sequence[Tensor]
    ) -> dict[str, np.ndarray]:
        key = sample.get('sample_key')
        if key is None or key not in self._baseline_errors:
            maps = sample['input_depth'].float().cpu().numpy()
            errors = {}
            for name in self.baselines:
                # An empty input stays empty; the clip makes it min_depth_m.
                filled = complete_maps(name, maps, [image] * len(maps))
                errors[name] = self._errors(torch.from_numpy(filled).to(target), target, masks)
            if key is None:
                return errors
            self._baseline_errors[key] = errors
        return self._baseline_errors[key]

    def _probes(self, sample: dict, target: Tensor) -> dict[str, float | None]:
        if 'pred_probe' not in sample:
            return {}
        valid = (target >= self.min_depth_m) & (target <= self.cap_m)
        removed = valid & (sample['input_probe'] <= 0)
        pred, half = self._capped(sample['pred_probe']), self._capped(sample['pred_half_depth'])
        values = dict(
            halving_ratio=float((half / pred)[removed].double().median()) if removed.any() else None,
            probe_rmse_mm=_rmse_mm(pred, target, removed),
        )
        if 'pred_swapped_rgb' in sample:
            values['swapped_rgb_rmse_mm'] = _rmse_mm(self._capped(sample['pred_swapped_rgb']), target, removed)
        return values

    def _protocol(self, results: list[dict]) -> dict:
        """What the numbers must be read with."""
        given, sizes = results[0]['protocol'], sorted({numbers['size'] for numbers in results})
        return dict(
            given,
            kept_densities=given.get('kept_densities', ['as given']),
            min_depth_m=self.min_depth_m,
            cap_m=self.cap_m,
            reduction=REDUCTIONS[self.reduction],
            images=len(results),
            resolution=[list(size) for size in sizes] if len(sizes) < 3 else f'{len(sizes)} sizes',
            test_set=self.test_set,
            area='trapezoid over the kept densities',
        )

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Average over images, fill ``result``, and give the log its numbers."""
        methods = ['model', 'model_keep_input', *self.baselines]
        counts = np.stack([numbers['counts'] for numbers in results])
        mean = _mean_over_images if self.reduction == 'image' else _mean_over_pixels
        means = {name: mean(np.stack([numbers[name] for numbers in results]), counts) for name in methods}
        protocol = self._protocol(results)
        grid = protocol['kept_densities']
        self.result = dict(
            protocol=protocol,
            method=results[0]['method'],
            holes={what: sum(numbers['holes'][what] for numbers in results) for what in results[0]['holes']},
            errors={
                name: {
                    subset: {key: _floats(means[name][s, :, k]) for k, key in enumerate(KEYS)}
                    for s, subset in enumerate(SUBSETS)
                }
                for name in methods
            },
            probes={
                key: _mean_known([numbers[key] for numbers in results if key in numbers])
                for key in ('halving_ratio', 'probe_rmse_mm', 'swapped_rgb_rmse_mm')
                if any(key in numbers for numbers in results)
            },
        )
        if len(grid) > 1:
            self.result['auc'] = {name: _areas(grid, means[name]) for name in methods}
        return self._logged(grid, means['model'])

    def _logged(self, grid: Sequence[float], means: np.ndarray) -> dict[str, float]:
        """Flat numbers of the model, NaN for what could not be measured."""
        flat = {f'removed_rmse_mm_at_{kept}': value for kept, value in zip(grid, means[0, :, 0], strict=True)}
        flat.update(all_rmse_mm=float(np.mean(means[2, :, 0])), **self.result['probes'])
        if 'auc' in self.result:
            areas = self.result['auc']['model']['removed']
            flat.update({f'auc_removed_rmse_mm{key.removeprefix("area")}': value for key, value in areas.items()})
        return {key: float('nan') if value is None else value for key, value in flat.items()}


def _kept(pred: Tensor, given: Tensor) -> Tensor:
    """The predictions (D, H, W) with the measured pixels put back, as ``VDModel.complete(keep_input=True)`` does."""
    finite = torch.isfinite(pred)  # what is not stays so, and does not spread
    kept = keep_measured(torch.where(finite, pred, given)[:, None].float(), given[:, None].float())[:, 0]
    return torch.where(finite | (given > 0), kept, torch.nan)


def _rmse_mm(pred: Tensor, target: Tensor, mask: Tensor) -> float | None:
    """RMSE of one map in mm, None where nothing is to be measured."""
    return float(depth_errors(pred, target, [mask])[0, 0, 0]) if mask.any() else None


def _areas(grid: Sequence[float], errors: np.ndarray) -> dict:
    """Areas of the RMSE over the grid, in mm; the paper's "AUC RMSE" may be either."""
    areas = {}
    for s, subset in enumerate(SUBSETS):
        area, per_width = auc(grid, errors[s, :, 0])
        areas[subset] = dict(zip(('area', 'area_per_width'), _floats((area, per_width)), strict=True))
    return areas


def _mean_over_images(errors: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Mean over the images that have pixels.

    NaN of a prediction that is not finite stays NaN, it must not be averaged away.
    """
    counted = (counts > 0)[..., None]
    with np.errstate(invalid='ignore'):
        return np.where(counted, errors, 0).sum(0) / counted.sum(0)


def _mean_over_pixels(errors: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Mean over all pixels that count, of images of any size."""
    errors = errors.copy()
    errors[..., _SQUARED] **= 2
    with np.errstate(invalid='ignore'):
        means = np.where((counts > 0)[..., None], errors * counts[..., None], 0).sum(0) / counts.sum(0)[..., None]
    means[..., _SQUARED] **= 0.5
    return means


def _mean_known(values: Sequence[float | None]) -> float | None:
    """Mean of what could be measured at all; None if that is nothing, or a prediction is not finite.

    It must not be averaged away.
    """
    known = [value for value in values if value is not None]
    return _floats([np.mean(known)])[0] if known else None


def _floats(values: np.ndarray) -> list[float | None]:
    """NaN has no place in JSON."""
    return [float(value) if np.isfinite(value) else None for value in values]
