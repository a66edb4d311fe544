"""Evaluation over a grid of densities: RGB features once per image, one pass of the depth stream per density."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mmvd import ops
from mmvd.errors import ConfigError, config_errors


@dataclass(frozen=True)
class DensitySweep:
    """What is kept of the depth of an evaluation image, and the two probes.

    Args:
        kept_densities: Shares of the valid pixels that stay.
        pattern: How the others vanish, see :func:`mmvd.ops.density_mask`.
        seed: Seed of the masks; they depend on it and on the sample's key, and masks of lower density lie within those
            of higher.
        probe_density: Density at which the input depth is halved (the prediction should halve) and the RGB features are
            swapped for those of partner images (the prediction should suffer); None switches the probes off.
    """

    kept_densities: Sequence[float]
    pattern: str = 'pixel'
    seed: int = 0
    probe_density: float | None = None

    def __post_init__(self):
        with config_errors('DensitySweep'):
            ops.check_patterns([self.pattern])
        grid = list(self.kept_densities)
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
        depth: Tensor,
        rgb: object,
        swapped_rgb: object | None,
        keys: Tensor,
    ) -> dict[str, Tensor]:
        """Complete every thinned map.

        Args:
            complete: From (B, 1, H, W) metres and RGB features to (B, 1, H, W) metres.
            depth: (B, 1, H, W) metres, complete.
            rgb: RGB features of the images.
            swapped_rgb: Those of other images, or None.
            keys: (B,) int64 sample keys.

        Returns:
            ``input_depth`` and ``pred_depth`` (B, D, H, W) metres, and with probes ``pred_half_depth`` and
            ``pred_swapped_rgb`` (B, 1, H, W), with ``pred_probe`` and ``input_probe`` (B, 1, H, W), the undisturbed
            ones.
        """
        thinned = [self._thin(depth, kept, keys) for kept in self.kept_densities]
        results = dict(input_depth=torch.cat(thinned, 1), pred_depth=torch.cat([complete(x, rgb) for x in thinned], 1))
        if self.probe_density is not None:
            x = self._thin(depth, self.probe_density, keys)
            results.update(input_probe=x, pred_probe=complete(x, rgb), pred_half_depth=complete(x / 2, rgb))
            if swapped_rgb is not None:
                results['pred_swapped_rgb'] = complete(x, swapped_rgb)
        return results

    def _thin(self, depth: Tensor, kept: float, keys: Tensor) -> Tensor:
        shape = (len(depth), *depth.shape[-2:])
        removed = ops.density_mask(shape, 1 - kept, self.pattern, ops.fold(keys, self.seed), (depth > 0)[:, 0])
        return depth.masked_fill(removed[:, None], 0)
