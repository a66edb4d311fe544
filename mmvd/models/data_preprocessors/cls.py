"""RGB-D batches for mmpretrain's classifiers."""
import torch

from mmvd.registry import MODELS

from .rgbd import RGBDDataPreprocessor, common_size


@MODELS.register_module()
class RGBDClsDataPreprocessor(RGBDDataPreprocessor):
    """:class:`RGBDDataPreprocessor` for mmpretrain: ``inputs`` of RGB and depth channels, and the samples; nothing else.

    mmpretrain's own preprocessor swaps channels only where there are three.

    Args:
        **kwargs: mean, std, bgr_to_rgb as in :class:`RGBDDataPreprocessor`.
    """

    def forward(self, data: dict, training: bool = False) -> dict:
        """Prepare a batch.

        Args:
            data: ``inputs`` (3, H, W) uint8 and, with a depth sensor, ``depth`` (k, H, W) float32 metres, as lists or stacked, and
                ``data_samples``.
            training: Accepted for the host's sake.

        Returns:
            ``inputs`` (B, 3 + k, H, W) float32 and ``data_samples``.
        """
        data = self.cast_data(data)
        with torch.autocast(data['inputs'][0].device.type, enabled=False):
            rgb, depth = self.stack(data, common_size(data['inputs']))
        return dict(inputs=rgb if depth is None else torch.cat((rgb, depth), 1), data_samples=data.get('data_samples'))
