"""Classes of RGB-D images, one or many."""
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import Compose

from mmvd.datasets.decoders import get_decoder
from mmvd.datasets.sample_key import KeyedIndex
from mmvd.errors import ConfigError
from mmvd.registry import DATASETS, TRANSFORMS

from .inferencer import read_pair
from .model import build_filled, default_device, find_config


@dataclass
class Prediction:
    """What an image shows: class index, its name where the data know it, and its probability."""

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
        if config.model.get('head', {}).get('type') == 'mmvd.LinearProbeHead':
            raise ConfigError('this config has a whole grid of heads: export one with tools/model_converters/export_linear_head.py')
        self.device = default_device(device)
        self.model = build_filled(config, checkpoint).to(self.device).eval()
        dataset = config.test_dataloader.dataset
        self.classes = _class_names(dataset, config.model.head.num_classes)
        loading = ('LoadImageFromFile', 'mmvd.LoadDepth')
        self.pipeline = Compose([TRANSFORMS.build(step) for step in dataset.pipeline if step.type not in loading])

    @torch.no_grad()
    def __call__(self, pairs: Iterable[tuple[str | Path, str | Path | None]], decoder: str = 'mm16') -> list[Prediction]:
        """Classify.

        Args:
            pairs: Image file and depth file (or None for an image without depth).
            decoder: Format of the depth files.

        Raises:
            SampleError: If an image cannot be read or a pair differs in size.
            DepthFileError: If a depth file cannot be read.
        """
        get_decoder(decoder)
        predictions = []
        for image_path, depth_path in pairs:
            rgb, depth = read_pair(image_path, depth_path, decoder)
            sample = self.pipeline(dict(img=np.ascontiguousarray(rgb[..., ::-1]), depth=depth, img_path=str(image_path), ori_shape=depth.shape,
                                        img_shape=depth.shape, seg_fields=[], sample_idx=KeyedIndex(0, 0, 0)))
            batch = self.model.data_preprocessor(dict(inputs=[sample['inputs']], depth=[sample['depth']]))
            scores = self.model(batch['inputs'].to(self.device), mode='tensor')
            scores = self.model.head((scores[-1], )) if isinstance(scores, tuple) else scores
            probability, label = scores.float().softmax(-1)[0].max(0)
            predictions.append(Prediction(str(image_path), int(label), self.classes[int(label)], float(probability)))
        return predictions


def _class_names(dataset: Config, count: int) -> tuple[str, ...]:
    """Names out of the config of the data; numbers where only the folders of the training set would tell."""
    kind = DATASETS.get(dataset.type)
    names = dataset.get('classes') or getattr(kind, 'DEFAULTS', {}).get('classes') or getattr(kind, 'METAINFO', {}).get('scenes')
    return tuple(names) if names and len(names) == count else tuple(map(str, range(count)))
