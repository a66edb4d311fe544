"""What the inferencers on a :class:`VDModel` share."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config

from mmvd.arguments import check_int, check_intrinsics
from mmvd.errors import ConfigError

from .devices import check_dtype
from .inferencer import RGBDInferencer
from .inputs import Frame
from .loading import load_model
from .model import VDModel


class VDModelInferencer(RGBDInferencer):
    """Runs a :class:`VDModel` on frames, see :class:`RGBDInferencer` for how it is called.

    Args:
        model: A model, or what :func:`mmvd.load_model` takes as its first argument.
        checkpoint: See :func:`mmvd.load_model`; not beside a model.
        device: See :func:`mmvd.load_model`; not beside a model.
        dtype: ``torch.bfloat16`` or ``float16`` for autocast; not beside a model.
        size: Working resolution, see :meth:`VDModel.complete`.
        intrinsics: ``(fx, fy, cx, cy)`` in pixels, for encodings that need the camera; None: it is guessed.

    Raises:
        ConfigError: If an argument cannot work.
    """

    def __init__(
        self,
        model: VDModel | str | Path | Config | None = None,
        checkpoint: str | Path | None = None,
        device: str | torch.device | None = None,
        dtype: torch.dtype | None = None,
        *,
        size: int | None = None,
        intrinsics: Sequence[float] | None = None,
    ):
        if isinstance(model, VDModel):
            if any(each is not None for each in (checkpoint, device, dtype)):
                raise ConfigError('a model brings weights, device and precision: move it with .to(...)')
            self.model = model
        else:
            precision = torch.float32 if dtype is None else check_dtype(dtype)
            self.model = load_model(model, checkpoint, device).to(precision)
        if size is not None:
            check_int(type(self).__name__, 'size', size, self.model.completer.backbone.patch_size)
        self.size = size
        self.intrinsics = None if intrinsics is None else check_intrinsics(type(self).__name__, intrinsics)

    @staticmethod
    def stacked(frames: list[Frame]) -> tuple[np.ndarray, np.ndarray]:
        """(B, H, W, 3) uint8 and (B, H, W) metres of frames of one size."""
        return np.stack([frame.rgb for frame in frames]), np.stack([frame.depth_m for frame in frames])
