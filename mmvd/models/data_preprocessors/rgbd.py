"""From a list of samples to the one input tensor of the models; randomises depth and density on the model's device."""
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmengine.model import BaseDataPreprocessor
from torch import Tensor

from mmvd import ops
from mmvd.errors import ConfigError, SampleError, config_errors
from mmvd.registry import MODELS

IMAGENET_MEAN, IMAGENET_STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
_DENSITY = dict(patterns=('perlin', 'coarse', 'pixel'), mean=0.5, std=0.3)  # of the removed share


@MODELS.register_module()
class RGBDDataPreprocessor(BaseDataPreprocessor):
    """Stacks image and depth into ``inputs``: RGB in RGB order, normalised, then the depth channels.

    Runs in full precision also inside autocast. Images of different sizes are padded below and to the right, with mean colour
    and missing depth.

    Args:
        mean: Mean of R, G and B in 0..255.
        std: Standard deviation of R, G and B.
        bgr_to_rgb: Whether the images are in OpenMMLab's BGR order.
        random_depth: Arguments of :func:`mmvd.ops.random_depth`, applied in training; None switches it off.
        random_density: ``dict(patterns=..., mean=..., std=...)`` of the removed share, applied in training unless the samples bring
            a ``removed_mask``; None switches it off. ``mmvd.DensityScheduleHook`` moves mean and std.
        non_blocking: Whether copies to the device may overlap.

    Raises:
        ConfigError: If a preprocessor for a downstream task is asked to randomise, or ``random_density`` holds what does not exist.
    """

    RANDOMISES = True

    def __init__(self,
                 mean: Sequence[float] = IMAGENET_MEAN,
                 std: Sequence[float] = IMAGENET_STD,
                 bgr_to_rgb: bool = True,
                 random_depth: dict | None = None,
                 random_density: dict | None = None,
                 non_blocking: bool = False):
        super().__init__(non_blocking)
        if not self.RANDOMISES and (random_depth is not None or random_density is not None):
            raise ConfigError(f'{type(self).__name__}: random_depth and random_density belong to pretraining, they have no effect here')
        self.register_buffer('mean', torch.tensor(mean).view(-1, 1, 1), persistent=False)
        self.register_buffer('std', torch.tensor(std).view(-1, 1, 1), persistent=False)
        self.bgr_to_rgb, self.random_depth = bgr_to_rgb, random_depth
        self.random_density = None if random_density is None else dict(_DENSITY, **random_density)
        if self.random_density is not None:
            with config_errors(f'{type(self).__name__}.random_density'):
                ops.check_patterns(self.random_density['patterns'])
            unknown = set(random_density) - set(_DENSITY)
            if unknown:
                raise ConfigError(f'{type(self).__name__}: random_density has {", ".join(_DENSITY)}, got {", ".join(sorted(unknown))}')

    def set_density(self, mean: float, std: float) -> None:
        """Set the distribution of the removed share."""
        if self.random_density is not None:
            self.random_density.update(mean=mean, std=std)

    def forward(self, data: dict, training: bool = False) -> dict:
        """Prepare a batch.

        Args:
            data: Lists ``inputs`` (3, H, W) uint8, ``depth`` (k, H, W) float32 metres (0 = missing), ``data_samples``, and where they
                exist ``gt_depth`` (1, H, W), ``removed_mask`` (1, H, W) and ``partner_inputs`` (3, h, w) uint8, other images.
            training: Whether random depth and density apply.

        Returns:
            ``inputs`` (B, 3 + k, H, W) float32, ``gt_depth`` (B, 1, H, W) float32 metres, what is to be recovered, ``removed_mask``
            (B, 1, H, W) bool, True where depth existed and was taken away, ``data_samples``, and with partners ``partner_rgb``
            (B, 3, H, W), normalised. Without depth only ``inputs`` (B, 3, H, W) and ``data_samples``.

        Raises:
            SampleError: If an image and its depth differ in size.
        """
        data = self.cast_data(data)
        inputs = data['inputs']
        with torch.autocast(inputs[0].device.type, enabled=False):
            size = common_size(inputs)
            rgb, depth = self.stack(data, size)
            if depth is None:
                return dict(inputs=rgb, data_samples=data.get('data_samples'))
            depth, gt_depth, removed = self._depth_target(data, depth, size, training)
            packed = dict(inputs=torch.cat((rgb, depth), dim=1), gt_depth=gt_depth, removed_mask=removed)
            if 'partner_inputs' in data:
                packed['partner_rgb'] = torch.stack([self._as_partner(*pair, size)
                                                     for pair in zip(data['partner_inputs'], inputs, strict=True)])
        return dict(packed, data_samples=data.get('data_samples'))

    def stack(self, data: dict, size: tuple[int, int]) -> tuple[Tensor, Tensor | None]:
        """Normalise, clean and pad a batch.

        Args:
            data: Lists ``inputs`` and, where there is a depth sensor, ``depth``, on the device.
            size: (height, width) of the result; images are padded below and to the right.

        Returns:
            (B, 3, H, W) RGB, normalised, and (B, k, H, W) depth channels or None.

        Raises:
            SampleError: If an image and its depth differ in size.
        """
        rgb = torch.stack([self._normalise(image, size) for image in data['inputs']])
        if 'depth' not in data:
            return rgb, None
        for image, depth in zip(data['inputs'], data['depth'], strict=True):
            if image.shape[-2:] != depth.shape[-2:]:
                raise SampleError(f'image is {tuple(image.shape[-2:])} but its depth is {tuple(depth.shape[-2:])}: a transform moved '
                                  'one without the other, use the joint transforms of mmvd')
        if data['depth'][0].shape[0] != 1 and any(depth.shape[-2:] != size for depth in data['depth']):
            raise SampleError(f'encoded depth channels have no empty value to pad with: bring all images of a batch to {size} in the pipeline')
        depth = _stack(data['depth'], size)
        return rgb, ops.clean_depth(depth) if depth.shape[1] == 1 else depth

    def _normalise(self, image: Tensor, size: tuple[int, int]) -> Tensor:
        image = image.float().flip(0) if self.bgr_to_rgb else image.float()
        return _pad_to((image - self.mean) / self.std, size)

    def _as_partner(self, partner: Tensor, image: Tensor, size: tuple[int, int]) -> Tensor:
        """Another image at the size of this one."""
        resized = F.interpolate(partner[None].float(), image.shape[-2:], mode='bilinear', antialias=True)[0]
        return self._normalise(resized, size)

    def _depth_target(self, data: dict, depth: Tensor, size: tuple[int, int], training: bool) -> tuple[Tensor, Tensor, Tensor]:
        """Input depth, what is to be recovered, and what was taken away."""
        target = ops.clean_depth(_stack(data['gt_depth'], size)) if 'gt_depth' in data else None
        if 'removed_mask' in data:
            return depth, target, _stack(data['removed_mask'], size)
        if depth.shape[1] != 1:
            if target is None:
                raise ConfigError('encoded depth channels need gt_depth from the pipeline')
            return depth, target, torch.zeros_like(target, dtype=torch.bool)
        target = depth if target is None else target
        if training and (self.random_depth is not None or self.random_density is not None):
            depth, target = self._randomise(depth, target, sample_keys(data['data_samples'], depth.device))
        return depth, target, (target > 0) & (depth == 0)

    def _randomise(self, depth: Tensor, target: Tensor, keys: Tensor) -> tuple[Tensor, Tensor]:
        if self.random_depth is not None:
            depth, target = ops.random_depth(depth, keys, companion=target, **self.random_depth)
        if self.random_density is not None:
            fraction = ops.draw_density(keys, self.random_density['mean'], self.random_density['std'])
            removed = ops.random_density_mask((depth > 0)[:, 0], fraction, keys, self.random_density['patterns'])
            depth = depth.masked_fill(removed[:, None], 0)
        return depth, target


def sample_keys(data_samples: Sequence, device: torch.device) -> Tensor:
    """(B,) int64 random keys that travelled with the samples.

    Raises:
        ConfigError: If they carry none.
    """
    keys = [sample.metainfo.get('sample_key') for sample in data_samples]
    if None in keys:
        raise ConfigError("the samples carry no random key: end the pipeline with mmvd.PackRGBDInputs and use "
                          "sampler=dict(type='mmvd.EpochSampler')")
    return torch.tensor(keys, device=device)


def common_size(inputs: Sequence[Tensor], divisor: int = 1, least: tuple[int, int] = (0, 0)) -> tuple[int, int]:
    """(height, width) that holds every image, at least ``least``, in multiples of ``divisor``."""
    sides = (max(lower, *(image.shape[axis] for image in inputs)) for axis, lower in zip((-2, -1), least, strict=True))
    return tuple(-(-side // divisor) * divisor for side in sides)


def _pad_to(x: Tensor, size: tuple[int, int]) -> Tensor:
    return F.pad(x, (0, size[1] - x.shape[-1], 0, size[0] - x.shape[-2]))


def _stack(maps: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
    return torch.stack([_pad_to(x, size) for x in maps])
