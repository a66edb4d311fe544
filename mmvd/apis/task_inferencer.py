"""Inferencers of models that live in a host: images go through the geometry of the config's test pipeline."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope

from mmvd.arguments import check_intrinsics
from mmvd.datasets.cameras import intrinsics_matrix
from mmvd.datasets.nesting import datasets_in, flat
from mmvd.datasets.sample_key import KeyedIndex
from mmvd.errors import ConfigError
from mmvd.registry import DATASETS, TRANSFORMS, find

from .configs import building
from .devices import autocast, check_dtype, find_device
from .inferencer import RGBDInferencer
from .inputs import Frame
from .loading import build_filled, open_model


class TaskInferencer(RGBDInferencer):
    """Runs a host's model on frames, see :class:`RGBDInferencer` for how it is called.

    Args:
        config: Config file, its name, a config, or a folder that ``tools/model_converters/pack.py`` made.
        checkpoint: Checkpoint of the whole model; None: that of the folder, or the config's ``load_from``.
        device: Where it runs; an accelerator if there is one, by default.
        dtype: ``torch.bfloat16`` or ``float16`` for autocast.
        intrinsics: ``(fx, fy, cx, cy)`` in pixels of the images as they are given, for encodings that need the camera;
            None: it is guessed.

    Raises:
        ConfigError: If the config is not one of the task.
        WeightsError: If weights are missing, unsafe or do not fit.
    """

    def __init__(
        self,
        config: str | Path | Config,
        checkpoint: str | Path | None = None,
        device: str | torch.device | None = None,
        dtype: torch.dtype | None = None,
        *,
        intrinsics: Sequence[float] | None = None,
    ):
        self.device, self.dtype = find_device(device), dtype if dtype is None else check_dtype(dtype)
        self.camera = None
        if intrinsics is not None:
            self.camera = intrinsics_matrix(*check_intrinsics(type(self).__name__, intrinsics))
        config, checkpoint = open_model(config, checkpoint)
        self.check(config)
        if checkpoint is None:
            raise ConfigError(f'{type(self).__name__}: give the checkpoint of a trained model, or a packed folder')
        init_default_scope(config.get('default_scope') or 'mmengine')
        self.model = build_filled(config, checkpoint).to(self.device).eval()
        dataset = _dataset_of(config)
        leaf = next(node for node in datasets_in(dataset) if not (node.get('datasets') or 'dataset' in node))
        kind = find(DATASETS, leaf['type'])
        self.meta = self._metainfo(config, leaf, kind)
        steps = list(flat(dataset.get('pipeline') or leaf.get('pipeline') or []))
        self.reader_settings = dict(
            file_decoder=self._decoder_of(steps, leaf, kind),
            turns_along=getattr(kind, 'DEPTH_OF_TURNED_IMAGE', False),
        )
        with building('the test pipeline'):
            # what loads is done already, by one reader for all tasks
            self.pipeline = Compose([TRANSFORMS.build(step) for step in steps if not _loads(step)])

    def check(self, config: Config) -> None:
        """Refuse the config of another task.

        Raises:
            ConfigError: If it is one.
        """

    def batch(self, frames: list[Frame]) -> dict:
        """``inputs`` and ``data_samples`` of frames, as the model takes them."""
        samples = [self.pipeline(self._results(frame)) for frame in frames]
        collated = {name: [sample[name] for sample in samples] for name in ('inputs', 'depth', 'data_samples')}
        return self.model.data_preprocessor(collated, False)

    def precision(self):
        """Autocast, if a precision was asked for."""
        return autocast(self.device, self.dtype)

    def classes(self, count: int) -> tuple[str, ...]:
        """Names of the classes; numbers, where neither checkpoint nor config knows them."""
        names = tuple(self.meta.get('classes') or ())
        return names if len(names) == count else tuple(map(str, range(count)))

    def _results(self, frame: Frame) -> dict:
        shape, camera = frame.depth_m.shape, {} if self.camera is None else dict(intrinsics=self.camera.copy())
        return dict(
            camera,
            img=np.ascontiguousarray(frame.rgb[..., ::-1]),
            depth=frame.depth_m,
            img_path=frame.path,
            ori_shape=shape,
            img_shape=shape,
            seg_fields=['depth'],
            missing_depth=frame.rgb_only,
            sample_idx=KeyedIndex(0, 0, 0),
        )

    def _metainfo(self, config: Config, leaf: dict, kind: type | None) -> dict:
        known = dict(getattr(kind, 'METAINFO', {}), **(leaf.get('metainfo') or {}))
        known.update(config.get('dataset_meta') or {}, **self.model.dataset_meta)
        if config.get('class_names'):
            known['classes'] = config.class_names
        return known

    def _decoder_of(self, steps: Sequence[dict], leaf: dict, kind: type | None) -> str | None:
        found = next((step.get('decoder') for step in steps if step['type'].endswith('LoadDepth')), None)
        if found is None:
            defaults = getattr(kind, 'DEFAULTS', {})
            found = kind.decoder_in(leaf) if hasattr(kind, 'decoder_in') else {**defaults, **leaf}.get('decoder')
        if found not in (None, 'mm16'):
            MMLogger.get_current_instance().info(
                f"{type(self).__name__}: depth files are read as the config's test data are, decoder={found!r}: say "
                "decoder='mm16' for PNGs in millimetres of another camera"
            )
        return found


def _loads(step: dict) -> bool:
    return step['type'].split('.')[-1].startswith('Load')


def _dataset_of(config: Config) -> dict:
    loader = config.get('test_dataloader') or config.get('val_dataloader') or {}
    if 'dataset' not in loader:
        raise ConfigError(
            f'{config.filename or "the config"}: has no test_dataloader.dataset, whose pipeline says how images come in'
        )
    return loader['dataset']
