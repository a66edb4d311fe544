"""RGB-D batches for mmdet's detectors."""
import torch

from mmvd.registry import MODELS

from .rgbd import RGBDDataPreprocessor, common_size


@MODELS.register_module()
class RGBDDetDataPreprocessor(RGBDDataPreprocessor):
    """:class:`RGBDDataPreprocessor` for mmdet: ``inputs`` of RGB and depth channels, instance masks padded along.

    mmdet's own preprocessor asserts one or three means. The samples are told ``batch_input_shape`` and ``pad_shape``; boxes must be plain
    tensors, as ``mmvd.LoadRoomInstances`` makes them.

    Args:
        size_divisor: Sides become multiples of it (14, the patch of DINOv2).
        **kwargs: mean, std, bgr_to_rgb as in :class:`RGBDDataPreprocessor`.
    """

    RANDOMISES = False

    def __init__(self, size_divisor: int = 14, **kwargs):
        super().__init__(**kwargs)
        self.size_divisor = size_divisor

    def forward(self, data: dict, training: bool = False) -> dict:
        """Prepare a batch.

        Args:
            data: Lists ``inputs`` (3, H, W) uint8, ``depth`` (k, H, W) float32 metres (0 = missing; may be absent), ``data_samples``.
            training: Whether masks are padded; evaluation compares them unpadded.

        Returns:
            ``inputs`` (B, 3 + k, H, W) float32 and ``data_samples``.
        """
        data = self.cast_data(data)
        with torch.autocast(data['inputs'][0].device.type, enabled=False):
            size = common_size(data['inputs'], self.size_divisor)
            rgb, depth = self.stack(data, size)
        for sample in data.get('data_samples') or ():
            sample.set_metainfo(dict(batch_input_shape=size, pad_shape=size))
            if training and 'masks' in sample.get('gt_instances', {}):
                sample.gt_instances.masks = sample.gt_instances.masks.pad(size)
        return dict(inputs=rgb if depth is None else torch.cat((rgb, depth), 1), data_samples=data.get('data_samples'))
