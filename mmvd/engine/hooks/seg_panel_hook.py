"""Pictures of segmentation."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
import torch.nn.functional as F

from mmvd.datasets.transforms.labels import IGNORE
from mmvd.registry import HOOKS
from mmvd.visualization import segmentation_panel

from .panel_hook import PanelHook


@HOOKS.register_module()
class SegPanelHook(PanelHook):
    """Draws RGB | depth | truth | prediction, see :class:`PanelHook`.

    Depth and truth are drawn as they reached the model and the metric; what an image lacks of both is an empty map.
    """

    def pictures(self, batch: dict, outputs: Sequence, metainfo: dict) -> Iterator[np.ndarray]:
        """Draw a batch."""
        depths = batch.get('depth') or [torch.zeros(1, *image.shape[-2:]) for image in batch['inputs']]
        for image, depth, sample in zip(batch['inputs'], depths, outputs, strict=True):
            found = sample.pred_sem_seg.data[0].cpu().numpy()
            truth = sample.gt_sem_seg.data[0].cpu().numpy() if 'gt_sem_seg' in sample else np.full_like(found, IGNORE)
            shown = F.interpolate(image[None].float(), truth.shape, mode='bilinear', antialias=True)[0].round()
            rgb = shown.flip(0).permute(1, 2, 0).cpu().numpy().astype(np.uint8)
            depth_m = F.interpolate(depth[None, :1], truth.shape, mode='nearest-exact')[0, 0].cpu().numpy()
            yield segmentation_panel(
                rgb,
                depth_m,
                truth,
                found,
                metainfo['classes'],
                metainfo['palette'],
            )
