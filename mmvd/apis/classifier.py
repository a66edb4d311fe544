"""Classes of RGB-D images, one or many."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import Compose

from mmvd.datasets.sample_key import KeyedIndex
from mmvd.errors import ConfigError
from mmvd.registry import DATASETS, TRANSFORMS

from .inferencer import read_pair
from .model import build_filled, default_device, find_config


@dataclass
class Prediction:
    """What an image shows: class index, name (a number, where the config has no ``class_names``) and probability."""

    image: str
    label: int
    name: str
    score: float


class RGBDClassificationInferencer:
    """Predicts classes with an mmpretrain classifier on a VD encoder, e.g. one that ``export_linear_head.py`` made.

    Images go through the geometry of the config's test pipeline.

    Args:
        config: Config file, its name, or a config.
        checkpoint: Checkpoint of the whole model.
        device: Where it runs; an accelerator if there is one, by default.

    Raises:
        ConfigError: If the config is not that of a classifier with one head.
        WeightsError: If weights are missing, unsafe or do not fit.
    """

    def __init__(self, config: str | Path | Config, checkpoint: str | Path, device: str | None = None):
        config = find_config(config)
        head = config.model.get('head') or {}
        if head.get('type') == 'mmvd.LinearProbeHead':
            raise ConfigError(
                'this config has a whole grid of heads: export one with tools/model_converters/export_linear_head.py'
            )
        if 'num_classes' not in head:
            raise ConfigError(
                'this config is none of a classifier with one head: tools/model_converters/export_linear_head.py '
                'makes one'
            )
        self.device = default_device(device)
        self.model = build_filled(config, checkpoint).to(self.device).eval()
        dataset = config.test_dataloader.dataset
        self.classes = tuple(config.get('class_names') or map(str, range(head.num_classes)))
        kind = DATASETS.get(dataset.type)
        self.decoder = dataset.get('decoder') or getattr(kind, 'DEFAULTS', {}).get('decoder', 'mm16')
        self.turns_along = getattr(kind, 'DEPTH_OF_TURNED_IMAGE', False)
        loading = ('mmvd.LoadImage', 'mmvd.LoadDepth')
        self.pipeline = Compose([TRANSFORMS.build(step) for step in dataset.pipeline if step.type not in loading])

    @torch.no_grad()
    def __call__(
        self, pairs: Iterable[tuple[str | Path, str | Path | None]], decoder: str | None = None
    ) -> Iterator[Prediction]:
        """Classify one after the other.

        Args:
            pairs: Image file and depth file (or None for an image without depth).
            decoder: Format of the depth files; that of the config's test data by default.

        Raises:
            SampleError: If an image cannot be read or a pair does not lie on each other.
            DepthFileError: If a depth file cannot be read.
        """
        for image_path, depth_path in pairs:
            rgb, depth = read_pair(image_path, depth_path, decoder or self.decoder, self.turns_along)
            sample = self.pipeline(
                dict(
                    img=np.ascontiguousarray(rgb[..., ::-1]),
                    depth=depth,
                    img_path=str(image_path),
                    ori_shape=depth.shape,
                    img_shape=depth.shape,
                    seg_fields=[],
                    sample_idx=KeyedIndex(0, 0, 0),
                )
            )
            batch = self.model.data_preprocessor(dict(inputs=[sample['inputs']], depth=[sample['depth']]))
            scores = self.model(batch['inputs'].to(self.device), mode='tensor')
            probability, label = scores.float().softmax(-1)[0].max(0)
            yield Prediction(str(image_path), int(label), self.classes[int(label)], float(probability))
