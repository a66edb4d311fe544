"""Completes the depth of images: from files, arrays, folders or a video."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config

from mmvd.arguments import check_choice, check_flag
from mmvd.datasets.decoders import to_millimetres
from mmvd.saving import AtomicLocalBackend, save_npy_atomically, save_png_atomically
from mmvd.visualization import completion_panel, guess_intrinsics, ply_bytes

from .inputs import Frame
from .model import VDModel
from .model_inferencer import VDModelInferencer


class DepthCompletionInferencer(VDModelInferencer):
    """Completes depth maps, see :class:`RGBDInferencer` for how it is called.

    Each prediction has ``depth_m``, (H, W) float32 metres at the size of the input, 0 = no prediction. In a folder it
    leaves ``NAME_depth.png`` (16-bit millimetres, 0 beyond 65.534 m) or ``NAME_depth.npy`` (metres), ``NAME_panel.png``
    and, if asked for, ``NAME.ply``, a binary point cloud coloured by the image.

    Args:
        model: See :class:`VDModelInferencer`.
        checkpoint: See :class:`VDModelInferencer`.
        device: See :class:`VDModelInferencer`.
        dtype: See :class:`VDModelInferencer`.
        size: See :class:`VDModelInferencer`.
        keep_input: Whether measured pixels pass through, see :meth:`VDModel.complete`.
        depth_format: ``'png'`` or ``'npy'``.
        point_cloud: Whether point clouds are written.
        intrinsics: ``(fx, fy, cx, cy)`` in pixels, for point clouds and encodings that need the camera; None: it is
            guessed (for point clouds a horizontal view of 60 degrees).

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
        keep_input: bool = False,
        depth_format: str = 'png',
        point_cloud: bool = False,
        intrinsics: Sequence[float] | None = None,
    ):
        super().__init__(model, checkpoint, device, dtype, size=size, intrinsics=intrinsics)
        owner = 'DepthCompletionInferencer'
        self.depth_format = check_choice(owner, 'depth_format', depth_format, ('png', 'npy'))
        self.keep_input = check_flag(owner, 'keep_input', keep_input)
        self.point_cloud = check_flag(owner, 'point_cloud', point_cloud)
        self.files = (f'_depth.{depth_format}', *(('.ply',) if point_cloud else ()))

    def predict(self, frames: list[Frame]) -> list[dict]:
        """Complete."""
        completed = self.model.complete(*self.stacked(frames), self.size, self.keep_input, 'm', self.intrinsics)
        return [dict(depth_m=depth_m) for depth_m in completed]

    def picture(self, frame: Frame, prediction: dict) -> np.ndarray:
        """RGB | input | prediction."""
        return completion_panel(frame.rgb, frame.depth_m[None], prediction['depth_m'][None])

    def save(self, frame: Frame, prediction: dict, folder: Path) -> None:
        """Write depth and point cloud."""
        depth_m, path = prediction['depth_m'], folder / f'{frame.name}_depth.{self.depth_format}'
        if self.depth_format == 'png':
            save_png_atomically(to_millimetres(depth_m), path)
        else:
            save_npy_atomically(depth_m, path)
        if self.point_cloud:
            camera = self.intrinsics or guess_intrinsics(*depth_m.shape)
            AtomicLocalBackend().put(ply_bytes(depth_m, frame.rgb, camera), folder / f'{frame.name}.ply')
