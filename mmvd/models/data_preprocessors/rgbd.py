"""Batches for pretraining and depth completion."""

from typing import Any

import torch
import torch.nn.functional as F
from mmengine.structures import BaseDataElement
from torch import Tensor

from mmvd import ops
from mmvd.arguments import check_depth_range, check_share
from mmvd.errors import ConfigError, config_errors
from mmvd.registry import MODELS

from .keys import sample_keys
from .stacker import RGBDStacker, common_size, stack_maps

_RANDOM_DEPTH = dict(max_depth=15.0, min_depth=0.05, bin_jitter=0.1, scale_jitter=0.2)  # as ops.random_depth has them
_DENSITY = dict(patterns=('perlin', 'coarse', 'pixel'), mean=0.5, std=0.3)  # of the removed share


@MODELS.register_module()
class RGBDDataPreprocessor(RGBDStacker):
    """Batches for pretraining and completion, see :class:`RGBDStacker`; randomises depth and density on the device.

    Args:
        random_depth: Arguments of :func:`mmvd.ops.random_depth`, applied in training; None switches it off.
        random_density: ``dict(patterns=..., mean=..., std=...)`` of the removed share, applied in training; None
            switches it off. ``mmvd.DensityScheduleHook`` moves mean and std. Samples that bring a ``removed_mask`` were
            randomised in their pipeline: neither applies to them.
        **kwargs: As in :class:`RGBDStacker`: mean, std, bgr_to_rgb, non_blocking, depth_encoding.

    Raises:
        ConfigError: If ``random_density`` holds what does not exist.
    """

    def __init__(self, random_depth: dict | None = None, random_density: dict | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        for name, value in dict(random_depth=random_depth, random_density=random_density).items():
            if value is not None and not isinstance(value, dict):
                raise ConfigError(f'RGBDDataPreprocessor: {name} must be dict(...) or None, got {value!r}')
        self.random_depth = random_depth
        if random_depth is not None:
            unknown = set(random_depth) - set(_RANDOM_DEPTH)
            if unknown:
                raise ConfigError(f'RGBDDataPreprocessor: random_depth has no {", ".join(sorted(unknown))}')
            limits = dict(_RANDOM_DEPTH, **random_depth)
            owner = 'RGBDDataPreprocessor.random_depth'
            check_depth_range(owner, limits['min_depth'], limits['max_depth'])
            for name in ('bin_jitter', 'scale_jitter'):
                check_share(owner, name, limits[name])
        self.random_density = None if random_density is None else dict(_DENSITY, **random_density)
        if self.random_density is not None:
            with config_errors('RGBDDataPreprocessor.random_density'):
                ops.check_patterns(self.random_density['patterns'])
            check_share('RGBDDataPreprocessor', 'random_density.mean', self.random_density['mean'])
            check_share('RGBDDataPreprocessor', 'random_density.std', self.random_density['std'])
            unknown = set(random_density) - set(_DENSITY)
            if unknown:
                raise ConfigError(
                    f'RGBDDataPreprocessor: random_density has {", ".join(_DENSITY)}, got {", ".join(sorted(unknown))}'
                )

    def set_density(self, mean: float, std: float) -> None:
        """Set the distribution of the removed share."""
        if self.random_density is not None:
            self.random_density.update(mean=mean, std=std)

    def forward(self, data: dict, training: bool = False) -> dict:
        """Prepare a batch.

        Args:
            data: Lists ``inputs`` (3, H, W) uint8, ``depth`` (k, H, W) float32 metres (0 = missing), and where they
                exist ``data_samples``, ``gt_depth`` (1, H, W), ``removed_mask`` (1, H, W) and ``partner_inputs`` (3, h,
                w) uint8, other images.
            training: Whether random depth and density apply.

        Returns:
            ``inputs`` (B, 3 + k, H, W) float32, ``gt_depth`` (B, 1, H, W) float32 metres, what is to be recovered,
            ``removed_mask`` (B, 1, H, W) bool, True where depth existed and was taken away, ``data_samples``; with a
            ``depth_encoding`` also ``depth_m`` (B, 1, H, W), what the encoder sees in metres, and ``gt_axes`` (B, A, H,
            W), what is to be recovered of each axis, where there are several; and with partners ``partner_rgb`` (B, 3,
            H, W), normalised. Without depth ``inputs`` (B, 3, H, W), ``data_samples`` and, where it is known,
            ``gt_depth`` and ``removed_mask``: all of it is to be recovered.

        Raises:
            SampleError: If an image and its depth differ in size.
            ConfigError: If depth that the pipeline has encoded is to be randomised, or comes without ``gt_depth``.
        """
        data = self.to_device(data)
        inputs = data['inputs']
        with torch.autocast(inputs[0].device.type, enabled=False):
            size = common_size(inputs)
            rgb, depth = self.stack(data, size)
            if depth is None:
                return dict(inputs=rgb, data_samples=data.get('data_samples'), **self._truth_alone(data, size))
            draws = self.random_depth is not None or self.random_density is not None
            draws = draws and 'removed_mask' not in data
            if training and draws and self.is_encoded(data):
                raise ConfigError(
                    'RGBDDataPreprocessor: depth is encoded in the pipeline: randomise it there (mmvd.RandomDepth, '
                    'mmvd.RandomDensityMask), or set random_depth=None and random_density=None'
                )
            keys = self._keys(data) if training and (draws or self.encoding is not None) else None
            depth, gt_depth, removed = self._depth_target(data, depth, size, keys)
            packed = dict(inputs=torch.cat((rgb, self.channels(depth, data, keys)), 1), gt_depth=gt_depth)
            packed['removed_mask'] = removed
            if self.encoding is not None:
                packed['depth_m'] = depth
                if self.encoding.num_axes > 1:
                    packed['gt_axes'] = self.channels(gt_depth, data, keys)
            for image, sample in () if training else zip(inputs, data.get('data_samples') or (), strict=False):
                sample.set_metainfo(dict(img_shape=tuple(image.shape[-2:])))  # that of the batch is the largest
            if 'partner_inputs' in data:
                partners = zip(data['partner_inputs'], inputs, strict=True)
                packed['partner_rgb'] = self.normalise([_resized(*pair) for pair in partners], size)
        return dict(packed, data_samples=data.get('data_samples'))

    def _depth_target(
        self, data: dict, depth: Tensor, size: tuple[int, int], keys: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Input depth, what is to be recovered, and what was taken away; ``keys`` in training."""
        target = ops.clean_depth(stack_maps(data['gt_depth'], size)) if 'gt_depth' in data else None
        if 'removed_mask' in data:
            return depth, target, stack_maps(data['removed_mask'], size)
        if self.is_encoded(data):
            if target is None:
                raise ConfigError('encoded depth channels need gt_depth from the pipeline')
            return depth, target, torch.zeros_like(target, dtype=torch.bool)
        target = depth if target is None else target
        if keys is not None:
            depth, target = self._randomise(depth, target, keys)
        return depth, target, (target > 0) & (depth == 0)

    @staticmethod
    def _truth_alone(data: dict, size: tuple[int, int]) -> dict[str, Tensor]:
        if 'gt_depth' not in data:
            return {}
        target = ops.clean_depth(stack_maps(data['gt_depth'], size))
        return dict(gt_depth=target, removed_mask=target > 0)

    @staticmethod
    def _keys(data: dict) -> Tensor:
        samples = data.get('data_samples') or [BaseDataElement()] * len(data['inputs'])
        return sample_keys(samples, data['inputs'][0].device)

    def _randomise(self, depth: Tensor, target: Tensor, keys: Tensor) -> tuple[Tensor, Tensor]:
        if self.random_depth is not None:
            depth, target = ops.random_depth(depth, keys, companion=target, **self.random_depth)
        if self.random_density is not None:
            fraction = ops.draw_density(keys, self.random_density['mean'], self.random_density['std'])
            removed = ops.random_density_mask((depth > 0)[:, 0], fraction, keys, self.random_density['patterns'])
            depth = depth.masked_fill(removed[:, None], 0)
        return depth, target


def _resized(partner: Tensor, image: Tensor) -> Tensor:
    """Another image at the size of this one."""
    return F.interpolate(partner[None].float(), image.shape[-2:], mode='bilinear', antialias=True)[0]
