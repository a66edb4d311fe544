"""Classes of RGB-D images."""

from pathlib import Path

import numpy as np
from mmengine.config import Config

from mmvd.errors import ConfigError
from mmvd.saving import save_json
from mmvd.visualization import rgbd_panel

from .inputs import Frame
from .task_inferencer import TaskInferencer

_EXPORT = 'tools/model_converters/export_linear_head.py'


class RGBDClassificationInferencer(TaskInferencer):
    """Classifies with an mmpretrain model on a VD encoder, see :class:`TaskInferencer`.

    Each prediction has ``pred_label``, ``pred_class`` (its name), ``pred_score`` (its probability) and ``pred_scores``,
    (K,) float32. In a folder it leaves ``NAME_class.json`` and ``NAME_panel.png``.
    """

    files = ('_class.json',)

    def check(self, config: Config) -> None:
        """Refuse what is no classifier with one head."""
        head = config.get('model', {}).get('head') or {}
        if head.get('type') == 'mmvd.LinearProbeHead':
            raise ConfigError(f'this config has a whole grid of heads: export one with {_EXPORT}')
        if 'num_classes' not in head:
            raise ConfigError(f'this config is none of a classifier with one head: {_EXPORT} makes one')

    def predict(self, frames: list[Frame]) -> list[dict]:
        """Classify."""
        batch = self.batch(frames)
        with self.precision():
            scores = self.model(batch['inputs'], mode='tensor')
        scores = scores.float().softmax(-1).cpu().numpy()
        names, best = self.classes(scores.shape[1]), scores.argmax(1)
        return [
            dict(pred_label=int(i), pred_class=names[i], pred_score=float(row[i]), pred_scores=row)
            for i, row in zip(best, scores, strict=True)
        ]

    def picture(self, frame: Frame, prediction: dict) -> np.ndarray:
        """RGB | depth, under the name of the class."""
        title = f'{prediction["pred_class"]} ({prediction["pred_score"]:.1%})'
        return rgbd_panel(frame.rgb, frame.depth_m, title)

    def save(self, frame: Frame, prediction: dict, folder: Path) -> None:
        """Write class and probabilities."""
        scores = [round(float(score), 6) for score in prediction['pred_scores']]
        save_json(dict(prediction, pred_scores=scores), folder / f'{frame.name}_class.json')
