"""RGB-D batches for mmdet's detectors."""

from typing import Any

from mmvd.arguments import check_int
from mmvd.registry import MODELS

from .stacker import RGBDStacker, common_size


@MODELS.register_module()
class RGBDDetDataPreprocessor(RGBDStacker):
    """:class:`RGBDStacker` for mmdet: ``inputs`` of RGB and depth channels, instance masks padded along.

    mmdet's own preprocessor asserts one or three means. The samples are told ``batch_input_shape`` and ``pad_shape``;
    boxes become plain tensors, as mmdet's preprocessor makes them.

    Args:
        size_divisor: Sides become multiples of it (14, the patch of DINOv2).
        **kwargs: As in :class:`RGBDStacker`: mean, std, bgr_to_rgb, non_blocking, depth_encoding.
    """

    def __init__(self, size_divisor: int = 14, **kwargs: Any):
        super().__init__(**kwargs)
        self.size_divisor = check_int('RGBDDetDataPreprocessor', 'size_divisor', size_divisor)

    def forward(self, data: dict, training: bool = False) -> dict:
        """Prepare a batch.

        Args:
            data: Lists ``inputs`` (3, H, W) uint8, ``depth`` (k, H, W) float32 metres (0 = missing; may be absent),
                ``data_samples``.
            training: Whether masks are padded; evaluation compares them unpadded.

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
        return dict(inputs=inputs, data_samples=data.get('data_samples'))
