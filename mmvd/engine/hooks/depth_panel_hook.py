"""Pictures of completion."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch

from mmvd.arguments import check_int
from mmvd.registry import HOOKS
from mmvd.visualization import completion_panel

from .panel_hook import PanelHook


@HOOKS.register_module()
class DepthPanelHook(PanelHook):
    """Draws RGB | input | prediction | truth | error, see :class:`PanelHook`.

    Args:
        densities: Rows of a picture, spread over the grid of densities.
        **kwargs: As in :class:`PanelHook`.
    """

    def __init__(self, densities: int = 3, **kwargs: Any):
        super().__init__(**kwargs)
        self.densities = check_int('DepthPanelHook', 'densities', densities)

    def pictures(self, batch: dict, outputs: Sequence, metainfo: dict) -> Iterator[np.ndarray]:
        """Draw a batch."""
        for image, sample in zip(batch['inputs'], outputs, strict=True):
            depths = sample.pred_depth.shape[0]
            rows = torch.linspace(0, depths - 1, min(self.densities, depths)).round().long().tolist()
            yield completion_panel(
                image.flip(0).permute(1, 2, 0).cpu().numpy(),
                sample.input_depth[rows].float().cpu().numpy(),
                sample.pred_depth[rows].float().cpu().numpy(),
                sample.gt_depth[0].float().cpu().numpy(),
            )
