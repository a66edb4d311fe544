"""Pictures of what the encoder makes of images (paper Figs. 3, 9 and 10)."""

from pathlib import Path

import numpy as np
import torch

from mmvd.models.backbones import StreamFeatures
from mmvd.visualization import features_panel

from .inputs import Frame
from .model_inferencer import VDModelInferencer


class FeatureInferencer(VDModelInferencer):
    """Draws the first three principal components of both streams after each fusion, see :class:`VDModelInferencer`.

    Each prediction has ``rgb`` and ``fused``: four maps (C, h, w) each, tokens of the RGB stream and of the depth
    stream after the fusion, on the grid of patches. In a folder it leaves ``NAME_panel.png``.
    """

    def predict(self, frames: list[Frame]) -> list[dict]:
        """Encode."""
        features, fused, grid = self.model.streams(*self.stacked(frames), self.size, 'm', self.intrinsics)
        maps = [_to_maps(stream, grid) for stream in (features, fused)]
        return [dict(rgb=[x[i] for x in maps[0]], fused=[x[i] for x in maps[1]]) for i in range(len(frames))]

    def picture(self, frame: Frame, prediction: dict) -> np.ndarray:
        """RGB and depth, and four stages of each stream."""
        streams = dict(RGB=prediction['rgb'], fused=prediction['fused'])
        return features_panel(frame.rgb, frame.depth_m, streams)

    def save(self, frame: Frame, prediction: dict, folder: Path) -> None:
        """Nothing but the picture is kept."""


def _to_maps(stream: StreamFeatures, grid: tuple[int, int]) -> list[torch.Tensor]:
    return [tokens.transpose(1, 2).unflatten(2, grid).float() for tokens in stream.tokens]
