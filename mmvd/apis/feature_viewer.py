"""Pictures of what the encoder makes of images (paper Figs. 3, 9 and 10)."""

from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config

from mmvd.models.backbones import StreamFeatures
from mmvd.visualization import features_panel

from .inferencer import RGBDInferencer
from .inputs import Frame
from .loading import load_model
from .model import VDModel


class FeatureInferencer(RGBDInferencer):
    """Draws the first three principal components of both streams after each fusion, see :class:`RGBDInferencer`.

    Each prediction has ``rgb`` and ``fused``: four maps (C, h, w) each, tokens of the RGB stream and of the depth
    stream after the fusion, on the grid of patches. In a folder it leaves ``NAME_panel.png``.

    Args:
        model: A model, or what :func:`mmvd.load_model` takes as its first argument.
        checkpoint: See :func:`mmvd.load_model`.
        device: See :func:`mmvd.load_model`.
        dtype: ``torch.bfloat16`` or ``float16`` for autocast.
        size: Shorter side in pixels at which the encoder works; None: that of the input.
    """

    def __init__(
        self,
        model: VDModel | str | Path | Config,
        checkpoint: str | Path | None = None,
        device: str | torch.device | None = None,
        dtype: torch.dtype | None = None,
        *,
        size: int | None = None,
    ):
        self.model = model if isinstance(model, VDModel) else load_model(model, checkpoint, device)
        if dtype is not None:
            self.model.to(dtype)
        self.size = size

    def predict(self, frames: list[Frame]) -> list[dict]:
        """Encode."""
        rgb, depth = (np.stack([getattr(frame, name) for frame in frames]) for name in ('rgb', 'depth_m'))
        features, fused, grid = self.model.streams(rgb, depth, self.size)
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
