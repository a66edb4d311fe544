"""RGB-D batches for mmpretrain's classifiers."""

from typing import Any

from mmvd.errors import ConfigError
from mmvd.registry import MODELS

from .stacker import RGBDStacker, common_size


@MODELS.register_module()
class RGBDClsDataPreprocessor(RGBDStacker):
    """:class:`RGBDStacker` for mmpretrain: ``inputs`` of RGB and depth channels, and the samples; nothing else.

    mmpretrain's own preprocessor swaps channels only where there are three.

    Args:
        batch_augments: Handed over by mmpretrain; must be None, mixing images says nothing of how to mix metres.
        **kwargs: As in :class:`RGBDStacker`: mean, std, bgr_to_rgb, non_blocking, depth_encoding.

    Raises:
        ConfigError: If batch augmentations are asked for.
    """

    def __init__(self, batch_augments: dict | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        if batch_augments:
            raise ConfigError(
                'RGBDClsDataPreprocessor: batch augmentations (model.train_cfg.augments) would mix images and not '
                'their depth'
            )

    def forward(self, data: dict, training: bool = False) -> dict:
        """Prepare a batch.

        Args:
            data: ``inputs`` (3, H, W) uint8 and, with a depth sensor, ``depth`` (k, H, W) float32 metres, as lists or
                stacked, and ``data_samples``.
            training: Accepted for the host's sake.

        Returns:
            ``inputs`` (B, 3 + k, H, W) float32 and ``data_samples``.
        """
        data = self.to_device(data)
        return dict(inputs=self.inputs(data, common_size(data['inputs'])), data_samples=data.get('data_samples'))
