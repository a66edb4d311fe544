"""What the preprocessors of all tasks share: image and depth become one tensor."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmengine.model import BaseDataPreprocessor
from torch import Tensor

from mmvd import ops
from mmvd.arguments import check_flag, check_number, check_row
from mmvd.datasets.cameras import left_behind, tell_of_guess
from mmvd.errors import SampleError
from mmvd.registry import MODELS

IMAGENET_MEAN, IMAGENET_STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


class RGBDStacker(BaseDataPreprocessor):
    """Stacks image and depth into ``inputs``: RGB in RGB order, normalised, then the depth channels.

    Runs in full precision also inside autocast. Images of different sizes are padded below and to the right, with mean
    colour and missing depth.

    Args:
        mean: Mean of R, G and B in 0..255.
        std: Standard deviation of R, G and B.
        bgr_to_rgb: Whether the images are in OpenMMLab's BGR order.
        non_blocking: Whether copies to the device may overlap.
        depth_encoding: Config of the model's depth encoding, where its channels are not metres (points, disparity):
            they are made here, from depth and the ``intrinsics`` of the samples.
    """

    def __init__(
        self,
        mean: Sequence[float] = IMAGENET_MEAN,
        std: Sequence[float] = IMAGENET_STD,
        bgr_to_rgb: bool = True,
        non_blocking: bool = False,
        depth_encoding: dict | None = None,
    ):
        super().__init__(non_blocking)
        owner = type(self).__name__
        check_row(owner, 'mean', mean, 3, check_number)
        check_row(owner, 'std', std, 3)
        check_flag(owner, 'bgr_to_rgb', bgr_to_rgb)
        self.register_buffer('mean', torch.tensor(mean).view(-1, 1, 1), persistent=False)
        self.register_buffer('std', torch.tensor(std).view(-1, 1, 1), persistent=False)
        self.bgr_to_rgb = bgr_to_rgb
        self.encoding = MODELS.build(depth_encoding) if depth_encoding else None

    def to_device(self, data: dict) -> dict:
        """Move a batch to the device.

        Depth that its samples carry, because a host's inference function batches inputs and samples alone, becomes
        ``depth``.
        """
        carried = [sample.pop('carried_depth', None) for sample in data.get('data_samples') or ()]
        if carried and all(depth is not None for depth in carried):
            data = dict(data, depth=carried)
        return self.cast_data(data)

    def inputs(self, data: dict, size: tuple[int, int]) -> Tensor:
        """(B, 3 + k, H, W) float32 of a batch on the device, or (B, 3, H, W) without depth; not under autocast.

        Raises:
            SampleError: If an image and its depth differ in size.
        """
        with torch.autocast(data['inputs'][0].device.type, enabled=False):
            rgb, depth = self.stack(data, size)
            return rgb if depth is None else torch.cat((rgb, self.channels(depth, data)), 1)

    @staticmethod
    def is_encoded(data: dict) -> bool:
        """Whether the pipeline has encoded the depth already: into several channels, or as its samples tell."""
        told = any('range_factor' in (sample or ()) for sample in data.get('data_samples') or ())
        return told or data['depth'][0].shape[0] != 1

    def channels(self, depth: Tensor, data: dict, keys: Tensor | None = None) -> Tensor:
        """The depth channels of ``inputs``.

        Args:
            depth: (B, 1, H, W) metres, or (B, C, H, W) encoded in the pipeline.
            data: The batch, whose samples may know their ``intrinsics``.
            keys: (B,) int64 sample keys in training.

        Returns:
            (B, k, H, W).
        """
        if self.encoding is None or self.is_encoded(data):
            return depth
        camera = None if self.encoding.reads == 'metres' else ops.to_device(self._cameras(data), depth.device)
        if not self.encoding.reads_sensor:
            return self.encoding.channels(depth, camera, keys)
        samples = data.get('data_samples') or [None] * len(depth)
        sensors = [None if sample is None else sample.metainfo.get('depth_sensor') for sample in samples]
        return self.encoding.channels(depth, camera, keys, sensors)

    def _cameras(self, data: dict) -> Tensor:
        """(B, 3, 3) intrinsics, guessed where a sample has none, which is told once.

        Raises:
            SampleError: If the camera of a sample is not that of its image any more.
        """
        samples = data.get('data_samples') or [None] * len(data['inputs'])
        for sample in samples:
            if sample is not None and sample.metainfo.get('camera_left_behind'):
                raise left_behind(sample.metainfo.get('img_path'), type(self.encoding).__name__)
        known = [sample.metainfo.get('intrinsics') if sample is not None else None for sample in samples]
        if any(matrix is None for matrix in known):
            tell_of_guess(type(self.encoding).__name__)
        guess = self.encoding.guess_camera
        pairs = zip(known, data['inputs'], strict=True)
        return torch.stack([guess(*x.shape[-2:]) if m is None else torch.as_tensor(m).float().cpu() for m, x in pairs])

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
        rgb = self.normalise(data['inputs'], size)
        if 'depth' not in data:
            return rgb, None
        for image, depth in zip(data['inputs'], data['depth'], strict=True):
            if image.shape[-2:] != depth.shape[-2:]:
                raise SampleError(
                    f'image is {tuple(image.shape[-2:])} but its depth is {tuple(depth.shape[-2:])}: a transform moved '
                    'one without the other, use the joint transforms of mmvd'
                )
        is_encoded = self.is_encoded(data)
        if is_encoded and any(depth.shape[-2:] != size for depth in data['depth']):
            raise SampleError(
                f'encoded depth channels have no empty value to pad with: bring all images of a batch to {size} in '
                'the pipeline'
            )
        depth = stack_maps(data['depth'], size)
        return rgb, depth if is_encoded else ops.clean_depth(depth)

    def normalise(self, images: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
        """Images (3, h, w) in 0..255 as (B, 3, H, W) in RGB order, normalised and padded to (height, width)."""
        alike = len({image.shape for image in images}) == 1  # one pass over the batch, not one per image
        batches = [torch.stack(tuple(images))] if alike else [image[None] for image in images]
        batches = [batch.float().flip(1) if self.bgr_to_rgb else batch.float() for batch in batches]
        return torch.cat([pad_to((batch - self.mean) / self.std, size) for batch in batches])


def common_size(inputs: Sequence[Tensor], divisor: int = 1, least: tuple[int, int] = (0, 0)) -> tuple[int, int]:
    """(height, width) that holds every image, at least ``least``, in multiples of ``divisor``."""
    sides = (max(lower, *(image.shape[axis] for image in inputs)) for axis, lower in zip((-2, -1), least, strict=True))
    return tuple(-(-side // divisor) * divisor for side in sides)


def pad_to(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Pad with 0 below and to the right."""
    return x if x.shape[-2:] == size else F.pad(x, (0, size[1] - x.shape[-1], 0, size[0] - x.shape[-2]))


def stack_maps(maps: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
    """(C, h, w) maps of different sizes as one (B, C, H, W), padded with 0."""
    return torch.stack([pad_to(x, size) for x in maps])
