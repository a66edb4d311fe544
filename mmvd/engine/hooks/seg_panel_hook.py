"""Pictures of every segmentation validation."""
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.dist import is_main_process
from mmengine.hooks import Hook

from mmvd.registry import HOOKS
from mmvd.visualization import save_png, segmentation_panel


@HOOKS.register_module()
class SegPanelHook(Hook):
    """Draws RGB | depth | truth | prediction for the first samples of each validation or test.

    Written to ``<log folder>/panels/<epoch>_<sample>.png`` and to the visualizer backends. Depth and truth are drawn as they reached the
    model and the metric; an image without depth has an empty map.

    Args:
        max_samples: Pictures per validation.
    """

    def __init__(self, max_samples: int = 4):
        self.max_samples = max_samples

    def before_val_epoch(self, runner) -> None:
        """Start counting."""
        self._drawn = 0

    before_test_epoch = before_val_epoch

    def after_val_iter(self, runner, batch_idx: int, data_batch: dict | None = None, outputs: Sequence | None = None) -> None:
        """Draw what is still wanted."""
        self._draw(runner, runner.val_dataloader, data_batch, outputs)

    def after_test_iter(self, runner, batch_idx: int, data_batch: dict | None = None, outputs: Sequence | None = None) -> None:
        """Draw what is still wanted."""
        self._draw(runner, runner.test_dataloader, data_batch, outputs)

    def _draw(self, runner, dataloader, data_batch: dict, outputs: Sequence) -> None:
        if not is_main_process():
            return
        depths = data_batch.get('depth') or [torch.zeros(1, *image.shape[-2:]) for image in data_batch['inputs']]
        for image, depth, sample in zip(data_batch['inputs'], depths, outputs, strict=True):
            if self._drawn >= self.max_samples:
                return
            truth = sample.gt_sem_seg.data[0].cpu().numpy()
            shown = F.interpolate(image[None].float(), truth.shape, mode='bilinear', antialias=True)[0].round()
            rgb = shown.flip(0).permute(1, 2, 0).cpu().numpy().astype(np.uint8)
            depth_m = F.interpolate(depth[None, :1], truth.shape, mode='nearest-exact')[0, 0].cpu().numpy()
            picture = segmentation_panel(rgb, depth_m, truth, sample.pred_sem_seg.data[0].cpu().numpy(), dataloader.dataset.metainfo['classes'],
                                         dataloader.dataset.metainfo['palette'])
            save_png(Path(runner.log_dir) / 'panels' / f'epoch{runner.epoch:03d}_sample{self._drawn}.png', picture)
            runner.visualizer.add_image(f'panel_sample{self._drawn}', picture, step=runner.epoch)
            self._drawn += 1
