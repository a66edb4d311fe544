"""Depth completion under changed depth: curves over density, scale, offset (paper Figs. 6 to 8) and noise.

And the share of RGB in the fusions (Table 8). The RGB stream runs once per image.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from mmvd import ops
from mmvd.arguments import check_choice
from mmvd.errors import ConfigError
from mmvd.models.completers import DepthCompleter
from mmvd.models.data_preprocessors.keys import evaluation_keys

from .baselines import complete_maps
from .depth_errors import depth_errors
from .input_patterns import removed_pixels

DENSITIES = (0.0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 0.99, 1.0)
SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)  # paper Table 7 and Fig. 7
OFFSETS_M = (-1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 4.0)
NOISES_M = (0.0, 0.01, 0.02, 0.05, 0.1)
NOISES_PER_M = (0.0, 0.001, 0.0025, 0.005, 0.01)  # times the squared distance, as active sensors have it
AXES = dict(  # what the curves run over, as labels of a picture
    density='share of the depth that is kept',
    scale='factor on depth',
    offset='metres added to depth',
    noise='std of noise on the input [m]',
    range_noise='std of noise / squared distance [1/m]',
)
KEPT = 0.5  # share of the depth that stays where anything but density changes
NEAREST_M, FARTHEST_M = 0.01, 150.0  # as in mmvd.DepthCompletionMetric
_STREAM_NOISE, _VARIANTS = 81, ('keep_input', 'swapped_rgb')


@dataclass(frozen=True)
class DepthChange:
    """What happens to the depth of every image; scale and offset to input and truth alike, the rest to the input.

    Attributes:
        axis: The curve that the change belongs to, one of :data:`AXES`.
        pattern: How pixels vanish, one of :data:`mmvd.evaluation.input_patterns.PATTERNS`.
        kept: Share of the valid pixels that stay in the input.
        scale: Factor on depth.
        offset_m: Metres added to valid depth; what ends at 0 or below is missing.
        noise_m: Standard deviation of Gaussian noise.
        noise_per_m: The same, divided by the squared distance.
    """

    axis: str
    pattern: str = 'pixel'
    kept: float = KEPT
    scale: float = 1.0
    offset_m: float = 0.0
    noise_m: float = 0.0
    noise_per_m: float = 0.0

    @property
    def value(self) -> float:
        """Where the change lies on its axis."""
        names = dict(density='kept', scale='scale', offset='offset_m', noise='noise_m', range_noise='noise_per_m')
        return getattr(self, names[self.axis])

    def apply(self, depth: Tensor) -> Tensor:
        """(B, 1, H, W) metres of the changed scene."""
        return ops.clean_depth(torch.where(depth > 0, depth * self.scale + self.offset_m, 0.0))

    def disturb(self, depth: Tensor, seeds: Tensor) -> Tensor:
        """(B, 1, H, W) metres as a noisy sensor sees them; the noise depends on each sample's seed alone."""
        std = self.noise_m + self.noise_per_m * depth**2
        if not self.noise_m and not self.noise_per_m:
            return depth
        shape = (len(depth), *depth.shape[-2:])
        twelve = sum(ops.pixel_noise(shape, ops.fold(seeds, _STREAM_NOISE + k)) for k in range(12))
        noisy = (depth + std * (twelve - 6)[:, None]).clamp(min=NEAREST_M)  # twelve uniforms: normal to the eye
        return torch.where(depth > 0, noisy, 0.0)


def changes(axes: Iterable[str], patterns: Sequence[str] = ('pixel',)) -> list[DepthChange]:
    """All points of the named curves; the densities for each pattern."""
    points = dict(
        density=[DepthChange('density', pattern, kept=kept) for pattern in patterns for kept in DENSITIES],
        scale=[DepthChange('scale', scale=scale) for scale in SCALES],
        offset=[DepthChange('offset', offset_m=offset) for offset in OFFSETS_M],
        noise=[DepthChange('noise', noise_m=std) for std in NOISES_M],
        range_noise=[DepthChange('range_noise', noise_per_m=std) for std in NOISES_PER_M],
    )
    return [change for axis in axes for change in points[axis]]


@torch.no_grad()
def completion_curves(
    completer: DepthCompleter,
    dataloader: Iterable[dict],
    points: Sequence[DepthChange],
    floors: Sequence[str] = (),
    variants: Sequence[str] = (),
    label: str = 'curves',
) -> list[dict]:
    """Errors of a model, and of methods without a network on the same input, under every change.

    Args:
        completer: In eval mode, on its device.
        dataloader: Test data; with partner images for ``'swapped_rgb'``.
        points: What to do to the depth, see :func:`changes`.
        floors: Names out of :data:`mmvd.evaluation.baselines.BASELINES`.
        variants: Further rows of the network: ``'keep_input'``, whose measured pixels pass through, and
            ``'swapped_rgb'``, which sees another image.
        label: Name of the progress bar.

    Returns:
        One dict per method and point: ``method``, ``axis``, ``pattern``, ``value``, ``removed_rmse_mm`` and
        ``all_rmse_mm`` (per image, then mean over images), both divided by the scale: ``unscaled_…``, errors of the
        scene at its own size, and ``median_removed_rmse_mm``, over images.

    Raises:
        ConfigError: If there is no such variant, or it needs partner images that the data do not bring.
    """
    for variant in variants:
        check_choice('completion_curves', 'variants', variant, _VARIANTS)
    errors = {(method, point): [] for method in ('network', *variants, *floors) for point in points}
    for data in _of_one_size(tqdm(dataloader, label, unit=' batches')):
        batch = completer.data_preprocessor(data, False)
        truth, measured = batch['gt_depth'], batch.get('depth_m', batch['inputs'][:, -1:])
        views = _views(completer, batch, 'swapped_rgb' in variants)
        seeds = ops.fold(evaluation_keys(data['data_samples'], truth.device), 0)  # masks of DensitySweep(seed=0)
        for point in points:
            target, given = point.apply(truth), point.apply(measured)
            removed = removed_pixels(point.pattern, point.kept, given, data['inputs'], seeds)
            given = point.disturb(given, seeds).masked_fill(removed, 0)
            channels = completer.data_preprocessor.channels(given, data)
            preds = {
                name: completer.complete(torch.cat((image, channels), 1), rgb)[-1][:, -1:]
                for name, (image, rgb) in views.items()
            }
            if 'keep_input' in variants:
                preds['keep_input'] = ops.keep_measured(preds['network'], given)
            preds.update({name: _filled(name, given, data['inputs']) for name in floors})
            for name, pred in preds.items():
                errors[name, point].append(_rmse_mm(pred[:, 0], target[:, 0], given[:, 0] <= 0))
    return [_row(method, point, torch.cat(found)) for (method, point), found in errors.items()]


def _of_one_size(batches: Iterable[dict]) -> Iterator[dict]:
    """Batches, those of images of several sizes image by image: no mask and no fill depends on a neighbour."""
    for data in batches:
        count = len(data['inputs'])
        step = count if len({tuple(image.shape) for image in data['inputs']}) == 1 else 1
        for start in range(0, count, step):
            yield {key: value[start : start + step] for key, value in data.items()}


def _views(completer: DepthCompleter, batch: dict, swapped: bool) -> dict[str, tuple[Tensor, object]]:
    """Images with their RGB features, each computed once."""
    if swapped and 'partner_rgb' not in batch:
        raise ConfigError("'swapped_rgb' needs other images: wrap the dataset in mmvd.WithPartnerImage")
    images = dict(network=batch['inputs'][:, :3], **({'swapped_rgb': batch['partner_rgb']} if swapped else {}))
    return {name: (image, completer.backbone.encode_rgb(image)) for name, image in images.items()}


def _filled(name: str, depth: Tensor, images: Sequence[Tensor]) -> Tensor:
    """(B, 1, H, W) metres, completed without a network."""
    return torch.from_numpy(complete_maps(name, depth[:, 0].cpu().numpy(), images))[:, None].to(depth)


def _rmse_mm(pred: Tensor, target: Tensor, removed: Tensor) -> Tensor:
    """(B, 2) RMSE of the pixels that the input lacks and of all."""
    valid = (target >= NEAREST_M) & (target <= FARTHEST_M)
    # a broken prediction is no empty set of pixels, and an infinite one no far depth
    pred = torch.where(pred.isfinite(), pred.clamp(NEAREST_M, FARTHEST_M), torch.inf)
    return depth_errors(pred, target, (valid & removed, valid))[..., 0].T.cpu()


def _row(method: str, point: DepthChange, rmse_mm: Tensor) -> dict:
    values = dict(zip(('removed_rmse_mm', 'all_rmse_mm'), rmse_mm.nanmean(0).tolist(), strict=True))
    unscaled = {f'unscaled_{name}': value / point.scale for name, value in values.items()}
    median = dict(median_removed_rmse_mm=_median(rmse_mm[:, 0]))
    return dict(
        method=method, axis=point.axis, pattern=point.pattern, value=point.value, **values, **unscaled, **median
    )


def _median(values: Tensor) -> float:
    """Median of the images that have pixels; of two in the middle the mean."""
    known = values[~values.isnan()]
    return float(np.median(known.numpy())) if len(known) else math.nan


@torch.no_grad()
def scale_ratios(
    completer: DepthCompleter, dataloader: Iterable[dict], scales: Sequence[float], kept: float = KEPT
) -> np.ndarray:
    """What becomes of a prediction when the input is scaled: 1 where it is scaled as well.

    Args:
        completer: In eval mode, on its device.
        dataloader: Test data.
        scales: Factors on depth.
        kept: Share of the depth that stays, pixels drawn independently.

    Returns:
        (images, scales) medians over the removed pixels of prediction / (scale * prediction at scale 1).
    """
    rows = []
    for data in _of_one_size(dataloader):
        batch, found = completer.data_preprocessor(data, False), []
        image, measured = batch['inputs'][:, :3], batch.get('depth_m', batch['inputs'][:, -1:])
        seeds = ops.fold(evaluation_keys(data['data_samples'], image.device), 0)
        removed = removed_pixels('pixel', kept, measured, data['inputs'], seeds)
        rgb = completer.backbone.encode_rgb(image)

        def complete(scale: float, given=measured.masked_fill(removed, 0), image=image, rgb=rgb, data=data) -> Tensor:
            channels = completer.data_preprocessor.channels(given * scale, data)
            return completer.complete(torch.cat((image, channels), 1), rgb)[-1][:, -1:].flatten(1) / scale

        plain, lacks = complete(1.0), removed.flatten(1)
        for scale in scales:  # measured pixels may pass, and would say nothing
            ratios = (complete(scale) / plain).masked_fill(~lacks, torch.nan)
            found.append(ratios.nanquantile(0.5, dim=1))
        rows.append(torch.stack(found, 1).cpu().numpy())
    return np.concatenate(rows)


def area_per_width(rows: Sequence[dict], axis: str, method: str = 'network', pattern: str = 'pixel') -> float:
    """Mean of the unscaled RMSE on removed pixels along a curve of :func:`completion_curves`, in mm.

    Scales count by their logarithm: halving as much as doubling. Without the ends of the densities: nothing to go by,
    and nothing removed.
    """
    own = [row for row in rows if (row['axis'], row['method'], row['pattern']) == (axis, method, pattern)]
    own = [row for row in own if axis != 'density' or 0 < row['value'] < 1]
    places = [math.log(row['value']) if axis == 'scale' else row['value'] for row in own]
    return float(ops.auc(places, [row['unscaled_removed_rmse_mm'] for row in own])[1])


@torch.no_grad()
def rgb_shares(completer: DepthCompleter, dataloader: Iterable[dict]) -> list[float]:
    """Share of RGB in what each fusion puts out, in percent (paper Table 8).

    As the authors' code has it: over all elements, |RGB| / (|RGB| + |depth|) of the gated streams, and the same of
    depth, both averaged and divided by their sum. Input depth is complete.

    Args:
        completer: In eval mode, on its device.
        dataloader: Test data.

    Returns:
        One share for each fusion; none for an encoder that fuses nothing (Omnivore).
    """
    fusions = getattr(completer.backbone, 'fusions', ())
    sums = torch.zeros(len(fusions), 2, dtype=torch.float64)

    def watch(level: int):
        def hook(fusion, inputs, output):
            depth, rgb = fusion.gate_depth(inputs[0]).abs(), fusion.gate_rgb(inputs[1]).abs()
            total = depth + rgb + 1e-6
            sums[level] += torch.stack(((rgb / total).mean(), (depth / total).mean())).double().cpu()

        return hook

    handles = [fusion.register_forward_hook(watch(level)) for level, fusion in enumerate(fusions)]
    try:
        for data in dataloader:
            completer.complete(completer.data_preprocessor(data, False)['inputs'])
    finally:
        for handle in handles:
            handle.remove()
    return (100 * sums[:, 0] / sums.sum(1)).tolist()
