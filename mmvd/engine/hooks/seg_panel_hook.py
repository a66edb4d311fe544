"""Pictures of segmentation."""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F

from mmvd.registry import HOOKS
from mmvd.visualization import segmentation_panel

from .model_of import first_view
from .panel_hook import PanelHook


@HOOKS.register_module()
class SegPanelHook(PanelHook):
    """Draws RGB | depth | truth | prediction, see :class:`PanelHook`.

    Depth and truth are drawn as they reached the model and the metric; an image without depth has an empty map.
    """

    def _after_iter(
        self, runner, batch_idx: int, data_batch: dict, outputs: Sequence | None = None, mode: str = 'train'
    ) -> None:
        if mode == 'train':
            return
        metainfo = getattr(runner, f'{mode}_dataloader').dataset.metainfo
        data_batch = first_view(data_batch)
        depths = data_batch.get('depth') or [torch.zeros(1, *image.shape[-2:]) for image in data_batch['inputs']]
        for image, depth, sample in list(zip(data_batch['inputs'], depths, outputs, strict=True))[: self._left]:
            truth = sample.gt_sem_seg.data[0].cpu().numpy()
            shown = F.interpolate(image[None].float(), truth.shape, mode='bilinear', antialias=True)[0].round()
            rgb = shown.flip(0).permute(1, 2, 0).cpu().numpy().astype(np.uint8)
            depth_m = F.interpolate(depth[None, :1], truth.shape, mode='nearest-exact')[0, 0].cpu().numpy()
            self.save(
                runner,
                segmentation_panel(
                    rgb,
                    depth_m,
                    truth,
                    sample.pred_sem_seg.data[0].cpu().numpy(),
                    metainfo['classes'],
                    metainfo['palette'],
                ),
            )
