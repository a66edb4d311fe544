"""Features of a frozen encoder over a dataset, kept in a file if asked for."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.logging import MMLogger
from mmengine.runner import Runner
from mmengine.structures import BaseDataElement
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn
from tqdm import tqdm

import mmvd
from mmvd.compat import inspect_versions
from mmvd.datasets.nesting import datasets_in, parts_of
from mmvd.datasets.probe_splits import is_test
from mmvd.datasets.sample_key import sample_key
from mmvd.datasets.synthetic_rooms import SyntheticRooms
from mmvd.errors import ConfigError
from mmvd.models.heads import LinearProbeHead
from mmvd.models.weights import BACKBONE, part_hash
from mmvd.saving import AtomicLocalBackend, check_writable

_CHUNK = 256  # images of which all heads are asked at once: 84 000 scores each on ImageNet
_DETERMINISTIC = (
    'LoadImageFromFile', 'mmvd.LoadImage', 'mmvd.LoadDepth', 'mmvd.GuessIntrinsics', 'mmvd.RGBDResize',
    'mmvd.RGBDCenterCrop', 'mmvd.PositionalDepthEncoding', 'mmvd.PositionalPointEncoding', 'mmvd.NormalizeDepth',
    'mmvd.DisparityEncoding', 'mmvd.PackRGBDInputs',
)  # fmt: skip


@dataclass
class Features:
    """Features of a dataset.

    Attributes:
        features: (N, D) float32.
        labels: (N,) int64.
        is_test: (N,) bool, whether a sample belongs to the test set rather than to a held-out part.
    """

    features: Tensor
    labels: Tensor
    is_test: Tensor

    def part(self, test: bool) -> 'Features':
        """The test samples, or the others."""
        chosen = self.is_test == test
        return Features(self.features[chosen], self.labels[chosen], self.is_test[chosen])

    def to(self, device: str | torch.device) -> 'Features':
        """The same on a device."""
        return Features(self.features.to(device), self.labels.to(device), self.is_test.to(device))


def extract_features(
    model: nn.Module,
    settings: dict,
    loader: dict,
    cache_dir: str | Path | None = None,
    dataset=None,
) -> Features:
    """Run the backbone of a classifier over a dataset.

    Args:
        model: An mmpretrain ``ImageClassifier`` on its device, filled.
        settings: Config of the model.
        loader: Config of the dataloader; its pipeline must not draw anything at random.
        cache_dir: Folder of cache files, one for each set of weights, pipeline and data; None computes anew. A file of
            anything else is never used: its name and its content carry the hash of all three, and what happened is
            logged.
        dataset: The dataset of the loader, if it is built already.

    Raises:
        ConfigError: If the pipeline is random.
    """
    steps = [step['type'] for node in datasets_in(loader['dataset']) for step in node.get('pipeline') or ()]
    random = [name for name in steps if name not in _DETERMINISTIC]
    if random:
        raise ConfigError(
            f'features are computed once, but the pipeline may draw at random: take {", ".join(random)} out'
        )
    dataloader = Runner.build_dataloader(dict(loader, drop_last=False, dataset=dataset or loader['dataset']), seed=0)
    if cache_dir is None:
        return _compute(model, dataloader)
    check_writable(Path(cache_dir))
    key = cache_key(model, settings, loader, dataloader.dataset)
    path = Path(cache_dir) / f'features_{key[:16]}.safetensors'
    logger, cached = MMLogger.get_current_instance(), _read(path, key)
    if cached is not None:
        logger.info(f'features read from {path}')
        return cached
    others = len(list(path.parent.glob('features_*.safetensors'))) - path.is_file()
    why = (
        'is damaged or of something else'
        if path.is_file()
        else f'does not exist ({others} files of other weights, pipelines or data beside it)'
    )
    logger.info(f'features computed: {path} {why}')
    cached = _compute(model, dataloader)
    content = dict(features=cached.features, labels=cached.labels, is_test=cached.is_test)
    AtomicLocalBackend().put(save(content, metadata=dict(key=key, sha256=part_hash(content, ''))), path)
    return cached


def cache_key(model: nn.Module, settings: dict, loader: dict, dataset) -> str:
    """SHA-256 over weights, settings, names, sizes and dates of files, code and versions.

    Raises:
        ConfigError: If it is not known what files a dataset reads.
    """
    parts = dict(
        weights=part_hash({f'{BACKBONE}{key}': value for key, value in model.backbone.state_dict().items()}, BACKBONE),
        settings=Config(dict(backbone=settings['backbone'], preprocessor=settings['data_preprocessor'])).pretty_text,
        data=Config(dict(dataset=loader['dataset'])).pretty_text,
        files=list(_files(dataset)),
        sampler=loader.get('sampler'),  # which samples, and in which order
        batch_size=loader['batch_size'],  # images of different sizes are padded to the largest of their batch
        code=[
            hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(Path(mmvd.__file__).parent.rglob('*.py'))
        ],
        versions=inspect_versions(),
    )
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def _files(dataset) -> Iterator[tuple]:
    for inner in parts_of(dataset):
        if isinstance(inner, SyntheticRooms):
            continue  # rendered from its settings
        if not isinstance(inner, BaseDataset):
            raise ConfigError(
                f'{type(inner).__name__}: it is not known which files it reads, so its features cannot be kept: leave '
                '--cache out'
            )
        for index in range(len(inner)):
            entry = inner.get_data_info(index)
            for name in ('img_path', 'depth_path'):
                path = Path(entry[name])
                status = path.stat() if path.is_file() else None
                yield (
                    entry[name],
                    entry['gt_label'],
                    status and (status.st_size, status.st_mtime_ns, status.st_ctime_ns),
                )


def _read(path: Path, key: str) -> Features | None:
    """What a cache file holds, if it is whole and of this key."""
    try:
        with safe_open(str(path), 'pt') as file:
            about, content = (
                file.metadata() or {},
                {name: file.get_tensor(name) for name in ('features', 'labels', 'is_test')},
            )
    except (OSError, SafetensorError):
        return None
    is_whole = about.get('key') == key and about.get('sha256') == part_hash(content, '')
    return Features(**content) if is_whole else None


@torch.no_grad()
def _compute(model: nn.Module, dataloader) -> Features:
    model.eval()
    features, labels, tested = [], [], []
    for data in tqdm(dataloader, 'features', unit=' batches'):
        batch = model.data_preprocessor(data, False)
        features.append(model.backbone(batch['inputs'])[-1].float().cpu())
        labels += [int(sample.gt_label) for sample in batch['data_samples']]
        tested += [is_test(sample) for sample in batch['data_samples']]
    return Features(torch.cat(features), torch.tensor(labels), torch.tensor(tested))


def fit_probes(head: LinearProbeHead, train: Features, steps: int, batch_size: int, seed: int = 0) -> LinearProbeHead:
    """Train a grid of probes on features that are there already, as DINOv2 does: SGD, momentum 0.9, cosine to 0.

    Args:
        head: The grid, on the device of the features; trained in place.
        train: Training features.
        steps: Optimizer steps.
        batch_size: Samples per step, drawn without repetition.
        seed: Seed of the draws.

    Returns:
        The head.
    """
    optimizer = torch.optim.SGD(head.parameters(), lr=1.0, momentum=0.9)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for step in range(steps):
        chosen = torch.randperm(len(train.labels), generator=torch.Generator().manual_seed(sample_key(seed, 0, step)))[
            :batch_size
        ]
        samples = [
            BaseDataElement(
                metainfo=dict(sample_key=sample_key(seed, step, index)), gt_label=train.labels[index : index + 1]
            )
            for index in chosen.tolist()
        ]
        optimizer.zero_grad()
        head.loss((train.features[chosen],), samples)['loss'].backward()
        optimizer.step()
        schedule.step()
    return head


@torch.no_grad()
def probe_accuracy(head: LinearProbeHead, data: Features) -> Tensor:
    """(H,) top-1 accuracy in percent of each head of a grid; NaN where there is nothing to measure."""
    right = [
        (head((features,)).argmax(-1) == labels[:, None])
        for features, labels in zip(data.features.split(_CHUNK), data.labels.split(_CHUNK), strict=True)
    ]
    return 100 * torch.cat(right).float().mean(0)
