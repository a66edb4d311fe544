"""Evaluation over a grid of densities: RGB features once per image, one pass of the depth stream per density."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mmvd import ops
from mmvd.arguments import check_int, check_numbers, check_share
from mmvd.errors import ConfigError, config_errors
from mmvd.models.depth_encodings import DepthEncoding


@dataclass(frozen=True)
class DensitySweep:
    """What is kept of the depth of an evaluation image, and the two probes.

    Args:
        kept_densities: Shares of the valid pixels that stay.
        pattern: How the others vanish, see :func:`mmvd.ops.density_mask`.
        seed: Seed of the masks; they depend on it and on the sample's key, and masks of lower density lie within those
            of higher.
        probe_density: Density at which the input depth is halved (the prediction should halve) and images and their RGB
            features are swapped for those of partners (the prediction should suffer); None switches the probes off.
    """

    kept_densities: Sequence[float]
    pattern: str = 'pixel'
    seed: int = 0
    probe_density: float | None = None

    def __post_init__(self):
        with config_errors('DensitySweep'):
            ops.check_patterns([self.pattern])
        check_int('DensitySweep', 'seed', self.seed, 0)
        if self.probe_density is not None:
            check_share('DensitySweep', 'probe_density', self.probe_density)
        grid = list(check_numbers('DensitySweep', 'kept_densities', self.kept_densities))
        if not grid or not all(0 <= kept <= 1 for kept in grid) or grid != sorted(set(grid)):
            raise ConfigError(f'kept_densities must be ascending shares between 0 and 1, got {grid}')

    def protocol(self) -> dict:
        """What a result must be read with."""
        return dict(
            kept_densities=[float(kept) for kept in self.kept_densities],
            pattern=self.pattern,
            mask_seed=self.seed,
            probe_density=self.probe_density,
        )

    def run(
        self,
        complete: Callable[[Tensor, object], Tensor],
        encoding: DepthEncoding,
        channels: Tensor,
        depth: Tensor,
        views: Sequence[object | None],
        keys: Tensor,
        sizes: Sequence[tuple[int, int]],
    ) -> dict[str, Tensor]:
        """Complete every thinned map.

        Args:
            complete: From (B, k, H, W) depth channels and a view to (B, 1, H, W) metres.
            encoding: What knows how the channels of a scene at half the depth look.
            channels: (B, k, H, W) depth channels, complete.
            depth: (B, 1, H, W) metres that they were made of.
            views: The images with their RGB features, and other images with theirs or None.
            keys: (B,) int64 sample keys.
            sizes: (height, width) of each image within the maps, whose corner is its own: what vanishes from it must
                not depend on how large its neighbours are.

        Returns:
            ``input_depth`` and ``pred_depth`` (B, D, H, W) metres, and with probes ``pred_half_depth`` and
            ``pred_swapped_rgb`` (B, 1, H, W), with ``pred_probe`` and ``input_probe`` (B, 1, H, W), the undisturbed
            ones.
        """
        own, swapped = views
        removed = [self._removed(depth, kept, keys, sizes) for kept in self.kept_densities]
        results = dict(
            input_depth=torch.cat([depth.masked_fill(mask, 0) for mask in removed], 1),
            pred_depth=torch.cat([complete(channels.masked_fill(mask, 0), own) for mask in removed], 1),
        )
        if self.probe_density is not None:
            mask = self._removed(depth, self.probe_density, keys, sizes)
            x = channels.masked_fill(mask, 0)
            results.update(input_probe=depth.masked_fill(mask, 0), pred_probe=complete(x, own))
            results['pred_half_depth'] = complete(encoding.scaled(x, 0.5), own)
            if swapped is not None:
                results['pred_swapped_rgb'] = complete(x, swapped)
        return results

    def _removed(self, depth: Tensor, kept: float, keys: Tensor, sizes: Sequence[tuple[int, int]]) -> Tensor:
        """(B, 1, H, W) bool, drawn for the images of each size together."""
        removed, seeds = torch.zeros_like(depth, dtype=torch.bool), ops.fold(keys, self.seed)
        for height, width in set(sizes):
            members = [number for number, size in enumerate(sizes) if size == (height, width)]
            valid = depth[members, 0, :height, :width] > 0
            mask = ops.density_mask(tuple(valid.shape), 1 - kept, self.pattern, seeds[members], valid)
            removed[members, 0, :height, :width] = mask
        return removed
