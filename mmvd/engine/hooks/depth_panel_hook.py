"""Pictures of completion."""

from typing import Any

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

    def after_val_iter(
        self, runner, batch_idx: int, data_batch: dict | None = None, outputs: list | None = None
    ) -> None:
        """Draw what is still wanted."""
        for image, sample in list(zip(data_batch['inputs'], outputs, strict=True))[: self._left]:
            self.save(runner, self._panel(image, sample))

    after_test_iter = after_val_iter

    def _panel(self, image: torch.Tensor, sample):
        depths = sample.pred_depth.shape[0]
        rows = torch.linspace(0, depths - 1, min(self.densities, depths)).round().long().tolist()
        return completion_panel(
            image.flip(0).permute(1, 2, 0).cpu().numpy(),
            sample.input_depth[rows].float().cpu().numpy(),
            sample.pred_depth[rows].float().cpu().numpy(),
            sample.gt_depth[0].float().cpu().numpy(),
        )
