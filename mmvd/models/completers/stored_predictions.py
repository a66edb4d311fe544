"""Predictions of any other method, on disk: scored like a model, on the same test data by the same metric."""

import re
from collections.abc import Sequence
from pathlib import Path

import torch
from mmengine.logging import MMLogger
from mmengine.model import BaseModel
from mmengine.structures import BaseDataElement
from torch import Tensor

from mmvd.arguments import check_substitution
from mmvd.datasets.decoders import decoder_of, get_decoder, read_depth
from mmvd.errors import ConfigError, DepthFileError
from mmvd.registry import MODELS

from .sample_maps import depth_of, set_maps

_ENDINGS = ('.png', '.npy', '.pfm', '.exr')


@MODELS.register_module()
class StoredPredictions(BaseModel):
    """Reads a prediction for each test image, so that any method can stand in the same table.

    A file that is missing, damaged or of another size is named in the log; its prediction is NaN, which
    ``mmvd.DepthCompletionMetric`` counts and does not average away.

    Args:
        folder: Folder of the predictions.
        name_from: ``(pattern, replacement)`` for :func:`re.sub` on the path of the image, gives the path below
            ``folder``; by default the name of the image with the ending of a depth file.
        decoder: Format of the files, see :data:`mmvd.datasets.decoders.DECODERS`; by default by the ending: PNG
            millimetres, NPY, PFM and EXR metres.
        data_preprocessor: Config, ``mmvd.RGBDDataPreprocessor``.

    Raises:
        ConfigError: If there is no such folder, or an argument is outside its domain.
    """

    NEEDS_WEIGHTS = False  # tools/test.py asks for no checkpoint

    def __init__(
        self,
        folder: str,
        name_from: Sequence[str] | None = None,
        decoder: str | None = None,
        data_preprocessor: dict | None = None,
    ):
        super().__init__(data_preprocessor or dict(type='mmvd.RGBDDataPreprocessor'))
        if not Path(folder).is_dir():
            raise ConfigError(f'StoredPredictions: {folder}: no such folder of predictions')
        if name_from is not None:
            check_substitution('StoredPredictions', 'name_from', name_from)
        if decoder is not None:
            get_decoder(decoder)
        self.folder, self.name_from, self.decoder = Path(folder), name_from, decoder
        self._images: dict[Path, str] = {}  # by the file of their prediction

    def forward(
        self,
        inputs: Tensor,
        data_samples: Sequence[BaseDataElement],
        gt_depth: Tensor | None = None,
        mode: str = 'predict',
        **_: Tensor,
    ) -> list[BaseDataElement]:
        """The data samples with ``pred_depth``, ``input_depth`` and ``gt_depth`` (1, H, W) in metres.

        Raises:
            ConfigError: If one file would be the prediction for two images.
            RuntimeError: If the mode is another than ``'predict'``: there is nothing to train.
        """
        if mode != 'predict':
            raise RuntimeError(f"StoredPredictions: mode must be 'predict', got {mode!r}")
        depth = depth_of(inputs, gt_depth)
        truth = depth if gt_depth is None else gt_depth
        for sample, given, target in zip(data_samples, depth, truth, strict=True):
            set_maps(sample, dict(input_depth=given, gt_depth=target))
            sample.set_data(dict(pred_depth=self._read(sample.metainfo['img_path'], sample.gt_depth)))
        return list(data_samples)

    def _path(self, image: str) -> Path:
        """File of an image's prediction, which need not exist."""
        if self.name_from is not None:
            return self.folder / re.sub(*self.name_from, image)
        stem = self.folder / Path(image).stem
        return next((path for end in _ENDINGS if (path := stem.with_name(stem.name + end)).is_file()), stem)

    def _read(self, image: str, target: Tensor) -> Tensor:
        """(1, H, W) metres, NaN where the file holds none of this size."""
        path = self._path(image)
        if self._images.setdefault(path, image) != image:
            raise ConfigError(
                f'{path}: would be the prediction for {self._images[path]} and {image}: tell them apart by name_from'
            )
        try:
            pred = torch.from_numpy(read_depth(path, self.decoder or decoder_of(path)))[None].to(target)
            if pred.shape != target.shape:
                raise DepthFileError(f'{path}: is {tuple(pred.shape[1:])}, the truth {tuple(target.shape[1:])}')
            return pred
        except DepthFileError as error:
            MMLogger.get_current_instance().warning(f'no prediction for {image}: {error}')
            return torch.full_like(target, torch.nan)
