"""Random depth and random density in the pipeline.

By default both run batched in the data preprocessor, by the same functions.
"""

from collections.abc import Sequence

import numpy as np
import torch
from mmcv.transforms import BaseTransform

from mmvd import ops
from mmvd.arguments import check_depth_range, check_int, check_number, check_positive, check_share
from mmvd.datasets.sample_key import get_sample_key, sample_key
from mmvd.errors import config_errors
from mmvd.registry import TRANSFORMS

from .validity import check_metres


@TRANSFORMS.register_module()
class RandomDepth(BaseTransform):
    """Randomise the distribution of a depth map, see :func:`mmvd.ops.random_depth`.

    Required Keys: depth

    Modified Keys: depth

    Args:
        max_depth: Training range in metres.
        min_depth: Smaller depth becomes missing, metres.
    """

    def __init__(self, max_depth: float = 15.0, min_depth: float = 0.05):
        self.min_depth, self.max_depth = check_depth_range('RandomDepth', min_depth, max_depth)

    def transform(self, results: dict) -> dict:
        """Move the depth."""
        check_metres(results, self)
        key = torch.tensor([get_sample_key(results)])
        depth = torch.from_numpy(results['depth'])[None, None]
        results['depth'] = ops.random_depth(depth, key, self.max_depth, self.min_depth)[0, 0].numpy()
        results.pop('depth_read', None)  # other metres
        return results


@TRANSFORMS.register_module()
class RandomDensityMask(BaseTransform):
    """Remove a random share of the depth.

    Required Keys: depth

    Modified Keys: depth

    Added Keys: gt_depth (unless there), removed_mask (H, W) bool, True where depth existed and was taken away;
        seg_fields

    Args:
        patterns: Kinds of noise, drawn with equal probability, see :func:`mmvd.ops.density_mask`.
        mean: Mean of the removed share; moved by ``mmvd.DensityScheduleHook`` at the start of each epoch.
        std: Its standard deviation.

    Raises:
        ConfigError: If a pattern is unknown, or a number outside its domain.
    """

    def __init__(self, patterns: Sequence[str] = ('perlin', 'coarse', 'pixel'), mean: float = 0.5, std: float = 0.3):
        with config_errors('RandomDensityMask'):
            ops.check_patterns(patterns)
        check_share('RandomDensityMask', 'mean', mean)
        check_number('RandomDensityMask', 'std', std, 0, 1)
        self.patterns = tuple(patterns)
        # Shared memory: workers that outlive an epoch see what the hook writes.
        self.distribution = torch.tensor([mean, std], dtype=torch.float64).share_memory_()

    def set_density(self, mean: float, std: float) -> None:
        """Set the distribution of the removed share."""
        self.distribution.copy_(torch.tensor([mean, std], dtype=torch.float64))

    def transform(self, results: dict) -> dict:
        """Take depth away."""
        check_metres(results, self)
        key = torch.tensor([get_sample_key(results)])
        depth = torch.from_numpy(results['depth'])
        fraction = ops.draw_density(key, *self.distribution.tolist())
        removed = ops.random_density_mask((depth > 0)[None], fraction, key, self.patterns)[0]
        results.setdefault('gt_depth', results['depth'])
        results['removed_mask'] = removed.numpy()
        results.setdefault('seg_fields', []).extend({'gt_depth', 'removed_mask'} - set(results.get('seg_fields', [])))
        results['depth'] = depth.masked_fill(removed, 0).numpy()
        return results


@TRANSFORMS.register_module()
class AlterDepth(BaseTransform):
    """Take away a share of the depth and change its scale, the same for every sample (paper Table 7, retrained heads).

    Required Keys: depth

    Modified Keys: depth

    Args:
        zeros: Share of the valid pixels that become missing, independently drawn.
        scale: Factor on the metres.
    """

    def __init__(self, zeros: float = 0.0, scale: float = 1.0):
        self.zeros = check_share('AlterDepth', 'zeros', zeros)
        self.scale = check_positive('AlterDepth', 'scale', scale)

    def transform(self, results: dict) -> dict:
        """Change the depth."""
        check_metres(results, self)
        key = torch.tensor([get_sample_key(results)])
        depth = torch.from_numpy(results['depth'])[None, None]
        results['depth'] = ops.alter_depth(depth, key, self.zeros, self.scale)[0, 0].numpy()
        results.pop('depth_read', None)  # other metres
        return results


@TRANSFORMS.register_module()
class SparsePoints(BaseTransform):
    """Keep some measured pixels of the depth map, which becomes the truth: the input of completion papers on NYUv2.

    The points of a sample depend on the seed and its place in the dataset alone, so that every method gets the same.

    Required Keys: depth, sample_idx

    Modified Keys: depth

    Added Keys: gt_depth (unless there), seg_fields

    Args:
        count: Pixels that stay; all of a map that has no more.
        seed: Seed of the choice.
    """

    def __init__(self, count: int = 500, seed: int = 0):
        self.count, self.seed = check_int('SparsePoints', 'count', count), check_int('SparsePoints', 'seed', seed, 0)

    def transform(self, results: dict) -> dict:
        """Take the other pixels away."""
        check_metres(results, self)
        depth = results['depth']
        generator = np.random.Generator(np.random.Philox(key=sample_key(self.seed, 0, int(results['sample_idx']))))
        measured = np.flatnonzero(depth > 0)
        kept = generator.permutation(measured)[: self.count]
        results.setdefault('gt_depth', depth)
        results['depth'] = np.zeros_like(depth)
        results['depth'].flat[kept] = depth.flat[kept]
        fields = results.setdefault('seg_fields', [])
        fields.extend({'gt_depth'} - set(fields))
        return results
