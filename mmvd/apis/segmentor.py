"""Semantic maps of RGB-D images."""

from pathlib import Path

import numpy as np
from mmengine.config import Config

from mmvd.datasets.label_sets import label_metainfo
from mmvd.errors import ConfigError
from mmvd.saving import save_png_atomically
from mmvd.visualization import segmentation_panel

from .inputs import Frame
from .task_inferencer import TaskInferencer


class RGBDSegInferencer(TaskInferencer):
    """Segments with an mmseg model on a VD encoder, see :class:`TaskInferencer`.

    Each prediction has ``sem_seg``, (H, W) uint8 class indices at the size of the input (uint16, if there are more than
    256 classes), and ``classes``, their names.
    In a folder it leaves ``NAME_labels.png`` (the indices) and ``NAME_panel.png``.
    """

    files = ('_labels.png',)

    def check(self, config: Config) -> None:
        """Refuse what is no segmentor."""
        if 'decode_head' not in config.get('model', {}):
            raise ConfigError(
                f'{config.filename or "the config"}: has no decode_head, RGBDSegInferencer serves the models of mmseg'
            )

    def predict(self, frames: list[Frame]) -> list[dict]:
        """Segment."""
        batch = self.batch(frames)
        with self.precision():
            samples = self.model(batch['inputs'], batch['data_samples'], mode='predict')
        classes = self.classes(self.model.num_classes)
        kind = np.uint8 if self.model.num_classes <= 256 else np.uint16
        maps = (sample.pred_sem_seg.data[0].cpu().numpy().astype(kind) for sample in samples)
        return [dict(sem_seg=labels, classes=classes) for labels in maps]

    def picture(self, frame: Frame, prediction: dict) -> np.ndarray:
        """RGB | depth | prediction."""
        names, palette = prediction['classes'], self.meta.get('palette') or ()
        if len(palette) != len(names):
            palette = label_metainfo(None, names)['palette']
        return segmentation_panel(frame.rgb, frame.depth_m, None, prediction['sem_seg'], names, palette)

    def save(self, frame: Frame, prediction: dict, folder: Path) -> None:
        """Write the class indices."""
        save_png_atomically(prediction['sem_seg'], folder / f'{frame.name}_labels.png')
