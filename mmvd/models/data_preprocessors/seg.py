"""RGB-D batches for mmseg's segmentors."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from mmengine.structures import PixelData
from torch import Tensor

from mmvd import ops
from mmvd.arguments import check_int, check_number, check_positive, check_size
from mmvd.errors import ConfigError, SampleError
from mmvd.registry import MODELS

from .stacker import RGBDStacker, common_size


@MODELS.register_module()
class RGBDSegDataPreprocessor(RGBDStacker):
    """:class:`RGBDStacker` for mmseg: ``inputs`` of RGB and depth channels, labels padded along with 255.

    mmseg's own preprocessor swaps or asserts three channels. What is padded is told in the samples' ``padding_size``,
    with ``pad_shape`` in training and ``img_shape`` at evaluation, so that mmseg cuts it away again.

    Args:
        size: (height, width) that a training batch has at least: the crop.
        size_divisor: Sides become multiples of it (14, the patch of DINOv2).
        seg_pad_val: Label of what was padded.
        max_depth: Range in metres of the model's depth encoding. Whole images are brought into it here, so that the
            windows of mmseg's ``test_cfg.mode='slide'`` share one factor; None leaves it to the model, which sees one
            window at a time.
        **kwargs: As in :class:`RGBDStacker`: mean, std, bgr_to_rgb, non_blocking, depth_encoding.

    Raises:
        ConfigError: If an argument is outside its domain, or the encoding has no range.
    """

    def __init__(
        self,
        size: Sequence[int] | None = None,
        size_divisor: int = 14,
        seg_pad_val: int = 255,
        max_depth: float | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        owner = 'RGBDSegDataPreprocessor'
        self.size = check_size(owner, 'size', size) if size is not None else (0, 0)
        self.size_divisor = check_int(owner, 'size_divisor', size_divisor)
        self.seg_pad_val = int(check_number(owner, 'seg_pad_val', seg_pad_val, 0, 255))
        self.max_depth = max_depth if max_depth is None else check_positive(owner, 'max_depth', max_depth)
        if max_depth is not None and self.encoding is not None and not self.encoding.bounds_depth:
            raise ConfigError(
                f'{owner}: {type(self.encoding).__name__} knows no range into which max_depth={max_depth} would bring '
                'depth: leave it out'
            )

    def forward(self, data: dict, training: bool = False) -> dict:
        """Prepare a batch.

        Args:
            data: Lists ``inputs`` (3, H, W) uint8, ``depth`` (k, H, W) float32 metres (0 = missing; may be absent),
                ``data_samples``.
            training: Whether ``size`` applies and labels are padded.

        Returns:
            ``inputs`` (B, 3 + k, H, W) float32 and ``data_samples``.

        Raises:
            SampleError: If an image and its depth or, in training, its labels differ in size.
        """
        data = self.to_device(data)
        with torch.autocast(data['inputs'][0].device.type, enabled=False):
            size = common_size(data['inputs'], self.size_divisor, self.size if training else (0, 0))
            rgb, depth = self.stack(data, size)
            depth = None if depth is None else self.channels(depth, data)
            if self.max_depth is not None and depth is not None and not self.is_encoded(data):
                depth = self._into_range(depth)
        for image, sample in zip(data['inputs'], data.get('data_samples') or (), strict=False):
            self._pad_sample(sample, image.shape[-2:], size, training)
        return dict(inputs=rgb if depth is None else torch.cat((rgb, depth), 1), data_samples=data.get('data_samples'))

    def _into_range(self, channels: Tensor) -> Tensor:
        """One factor for each image, by its farthest coordinate, as the encoding would find it."""
        factor = ops.range_factor(channels.amax(1, keepdim=True), self.max_depth)
        if self.encoding is not None:
            return self.encoding.scaled(channels, factor)
        return channels * factor.view(-1, 1, 1, 1)

    def _pad_sample(self, sample, old: tuple[int, int], size: tuple[int, int], training: bool) -> None:
        below, right = size[0] - old[0], size[1] - old[1]
        # mmseg's mask heads prefer pad_shape to img_shape, and its sliding windows only tell the latter
        sample.set_metainfo({'pad_shape' if training else 'img_shape': size, 'padding_size': [0, right, 0, below]})
        if not training and 'pad_shape' in sample:
            del sample.pad_shape
        labels = sample.get('gt_sem_seg')
        if training and labels is not None:  # at evaluation labels keep the original resolution
            if labels.data.shape[-2:] != old and (below or right):  # else mmseg brings its logits to the labels
                raise SampleError(
                    f'{sample.metainfo.get("img_path")}: labels are {tuple(labels.data.shape[-2:])} but the image is '
                    f'{tuple(old)}: put mmvd.RGBDResize, which brings both to one size, into the pipeline'
                )
            sample.set_data(
                dict(gt_sem_seg=PixelData(data=F.pad(labels.data, (0, right, 0, below), value=self.seg_pad_val)))
            )
