"""RGB-D batches for mmdet's detectors."""

from typing import Any

import torch.nn.functional as F
from mmengine.structures import PixelData

from mmvd.arguments import check_int, check_number
from mmvd.registry import MODELS

from .stacker import RGBDStacker, common_size


@MODELS.register_module()
class RGBDDetDataPreprocessor(RGBDStacker):
    """:class:`RGBDStacker` for mmdet: ``inputs`` of RGB and depth channels, masks and labels padded along.

    mmdet's own preprocessor asserts one or three means. The samples are told ``batch_input_shape`` and ``pad_shape``;
    boxes become plain tensors, as mmdet's preprocessor makes them.

    Args:
        size_divisor: Sides become multiples of it (14, the patch of DINOv2).
        seg_pad_value: Label of what was padded, of panoptic training.
        **kwargs: As in :class:`RGBDStacker`: mean, std, bgr_to_rgb, non_blocking, depth_encoding.
    """

    def __init__(self, size_divisor: int = 14, seg_pad_value: int = 255, **kwargs: Any):
        super().__init__(**kwargs)
        self.seg_pad_value = int(check_number('RGBDDetDataPreprocessor', 'seg_pad_value', seg_pad_value, 0, 255))
        self.size_divisor = check_int('RGBDDetDataPreprocessor', 'size_divisor', size_divisor)

    def forward(self, data: dict, training: bool = False) -> dict:
        """Prepare a batch.

        Args:
            data: Lists ``inputs`` (3, H, W) uint8, ``depth`` (k, H, W) float32 metres (0 = missing; may be absent),
                ``data_samples``.
            training: Whether masks and labels are padded; evaluation compares them unpadded.

        Returns:
            ``inputs`` (B, 3 + k, H, W) float32 and ``data_samples``.
        """
        data = self.to_device(data)
        size = common_size(data['inputs'], self.size_divisor)
        inputs = self.inputs(data, size)
        from mmdet.models.utils.misc import samplelist_boxtype2tensor  # here, so that other hosts need no mmdet

        samples = data.get('data_samples') or ()
        samplelist_boxtype2tensor(samples)
        for sample in samples:
            sample.set_metainfo(dict(batch_input_shape=size, pad_shape=size))
            if training and 'masks' in sample.get('gt_instances', {}):
                sample.gt_instances.masks = sample.gt_instances.masks.pad(size)
            if training and 'gt_sem_seg' in sample:
                labels = sample.gt_sem_seg.sem_seg
                below, right = size[0] - labels.shape[-2], size[1] - labels.shape[-1]
                sample.gt_sem_seg = PixelData(sem_seg=F.pad(labels, (0, right, 0, below), value=self.seg_pad_value))
        return dict(inputs=inputs, data_samples=data.get('data_samples'))
