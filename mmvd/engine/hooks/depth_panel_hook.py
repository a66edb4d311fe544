"""Pictures of every validation."""
from pathlib import Path

import torch
from mmengine.dist import is_main_process
from mmengine.hooks import Hook

from mmvd.registry import HOOKS
from mmvd.visualization import completion_panel, save_png


@HOOKS.register_module()
class DepthPanelHook(Hook):
    """Draws RGB | input | prediction | truth | error for the first samples of each validation.

    Written to ``<log folder>/panels/<epoch>_<sample>.png`` and to the visualizer backends.

    Args:
        max_samples: Pictures per validation.
        densities: Rows of a picture, spread over the grid of densities.
    """

    def __init__(self, max_samples: int = 4, densities: int = 3):
        self.max_samples, self.densities = max_samples, densities

    def before_val_epoch(self, runner) -> None:
        """Start counting."""
        self._drawn = 0

    before_test_epoch = before_val_epoch

    def after_val_iter(self, runner, batch_idx: int, data_batch: dict | None = None, outputs: list | None = None) -> None:
        """Draw what is still wanted."""
        if not is_main_process():
            return
        for image, sample in zip(data_batch['inputs'], outputs, strict=True):
            if self._drawn >= self.max_samples:
                return
            self._draw(runner, image, sample)
            self._drawn += 1

    after_test_iter = after_val_iter

    def _draw(self, runner, image: torch.Tensor, sample) -> None:
        depths = sample.pred_depth.shape[0]
        rows = torch.linspace(0, depths - 1, min(self.densities, depths)).round().long().tolist()
        height, width = image.shape[-2:]
        crop = (..., slice(height), slice(width))  # batches pad
        picture = completion_panel(image.flip(0).permute(1, 2, 0).cpu().numpy(), sample.input_depth[rows][crop].float().cpu().numpy(),
                                   sample.pred_depth[rows][crop].float().cpu().numpy(), sample.gt_depth[0][crop].float().cpu().numpy())
        name = f'epoch{runner.epoch:03d}_sample{self._drawn}'
        save_png(Path(runner.log_dir) / 'panels' / f'{name}.png', picture)
        runner.visualizer.add_image(f'panel_sample{self._drawn}', picture, step=runner.epoch)
