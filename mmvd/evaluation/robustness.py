"""Segmentation under altered depth (paper Table 7).

A grid of missing shares and scales, the RGB stream run once per image.
"""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass

import torch
from mmengine.config import Config
from mmengine.evaluator import Evaluator
from torch import Tensor, nn
from tqdm import tqdm

from mmvd import ops
from mmvd.datasets.nesting import datasets_in
from mmvd.errors import ConfigError
from mmvd.models.data_preprocessors.keys import evaluation_keys

ZEROS, SCALES = (1.0, 0.999, 0.99, 0.5, 0.0), (0.1, 0.5, 1.0, 2.0, 5.0)  # paper Table 7


@dataclass(frozen=True)
class Alteration:
    """What happens to the depth of every image: share of valid pixels that vanish, factor on the rest."""

    zeros: float = 0.0
    scale: float = 1.0

    def __str__(self) -> str:
        return f'{self.zeros:.1%} zeros, scale {self.scale:g}'


PAPER_COLUMNS = (*(Alteration(zeros) for zeros in ZEROS), *(Alteration(0.0, scale) for scale in SCALES if scale != 1))
# mIoU of the paper's Table 7 in the order of PAPER_COLUMNS, and of its RGB-only head: SUN RGB-D, DINOv2 + VD(PDE).
# Its depth was read at twice true metres (facts, 13.2), as its means tell.
PAPER_MEAN_M = (0, 4.6, 4.6, 4.6, 4.6, 0.46, 2.3, 6.5, 7.1)
PAPER_MIOU, PAPER_MIOU_RGB = (55.63, 55.14, 55.64, 56.01, 56.05, 55.22, 55.50, 55.28, 55.19), 53.75


def full_grid() -> list[Alteration]:
    """Every share with every scale; without any depth the scale says nothing."""
    return [Alteration(zeros, scale) for zeros in ZEROS for scale in SCALES if zeros < 1 or scale == 1]


@dataclass
class DepthStatistics:
    """Mean and deviation of valid depth in metres and share of missing pixels, over all pixels that were added."""

    count: float = 0.0
    total: float = 0.0
    squares: float = 0.0
    pixels: float = 0.0

    def add(self, depth: Tensor) -> None:
        """Add (..., H, W) metres, 0 = missing."""
        depth = depth.double()
        self.count += float((depth > 0).sum())
        self.total += float(depth.sum())
        self.squares += float((depth**2).sum())
        self.pixels += depth.numel()

    def result(self) -> dict[str, float]:
        """``mean_m``, ``std_m`` (0 without depth) and ``missing``."""
        count = max(self.count, 1.0)
        mean = self.total / count
        return dict(
            mean_m=mean,
            std_m=max(self.squares / count - mean**2, 0.0) ** 0.5,
            missing=1 - self.count / max(self.pixels, 1.0),
        )


@torch.no_grad()
def predict_altered(segmentor: nn.Module, inputs: Tensor, samples: Sequence, alterations: Sequence[Alteration]):
    """Segment a batch under each alteration.

    Args:
        segmentor: An mmseg ``EncoderDecoder`` whose backbone is ``mmvd.VDViT``.
        inputs: (B, 3 + k, H, W) as its data preprocessor makes them.
        samples: B data samples.
        alterations: What to do to the depth.

    Yields:
        The altered (B, 1, H, W) depth as it is encoded, brought into range, in metres (pixels of disparity), and B
        samples with ``pred_sem_seg``, for each alteration.
    """
    image, channels, keys = inputs[:, :3], inputs[:, 3:], evaluation_keys(samples, inputs.device)
    encoding, shape = segmentor.backbone.depth_encoding, (len(inputs), *inputs.shape[-2:])
    rgb = segmentor.backbone.encode_rgb(image)
    metas = [sample.metainfo for sample in samples]
    for alteration in alterations:
        removed = ops.density_mask(shape, alteration.zeros, 'pixel', keys, channels[:, -1] > 0)
        altered = encoding.scaled(channels.masked_fill(removed[:, None], 0), alteration.scale)
        features = segmentor.backbone.extract(torch.cat((image, altered), 1), rgb)
        logits = segmentor.decode_head.predict(features.outs, metas, segmentor.test_cfg)
        yield (
            encoding.scaled(altered, features.range_factor)[:, -1:],
            segmentor.postprocess_result(logits, deepcopy(list(samples))),
        )


def sweep(segmentor: nn.Module, dataloader, metric_of, alterations: Sequence[Alteration]) -> list[dict]:
    """Evaluate a trained segmentor under each alteration.

    Args:
        segmentor: In eval mode, on its device.
        dataloader: Test data.
        metric_of: Makes a fresh :class:`mmengine.evaluator.Evaluator`.
        alterations: What to do to the depth.

    Returns:
        One dict per alteration: ``zeros``, ``scale``, ``mIoU`` in percent, and the statistics of the depth that reached
            the encoder.

    Raises:
        ConfigError: If the segmentor does more than encode, decode and predict whole images of one depth channel.
    """
    if segmentor.test_cfg.get('mode', 'whole') != 'whole' or segmentor.with_neck:
        raise ConfigError(
            "the robustness sweep shares RGB features of whole images: it needs model.test_cfg.mode='whole' and no neck"
        )
    metrics: list[Evaluator] = [metric_of() for _ in alterations]
    statistics = [DepthStatistics() for _ in alterations]
    for data in tqdm(dataloader, 'sweep', unit=' batches'):
        batch = segmentor.data_preprocessor(data, False)
        if segmentor.backbone.depth_encoding is None or batch['inputs'].shape[1] == 3:
            raise ConfigError('the robustness sweep alters depth: the pipeline must hand it over as metres')
        for k, (altered, outputs) in enumerate(
            predict_altered(segmentor, batch['inputs'], batch['data_samples'], alterations)
        ):
            for own, image in zip(altered, data['inputs'], strict=True):
                statistics[k].add(own[..., : image.shape[-2], : image.shape[-1]])  # what is padded is not missing
            metrics[k].process(outputs, data)
    length = len(dataloader.dataset)
    return [
        dict(zeros=a.zeros, scale=a.scale, mIoU=float(m.evaluate(length)['mIoU']), **s.result())
        for a, m, s in zip(alterations, metrics, statistics, strict=True)
    ]


def with_alteration(config: Config, alteration: Alteration) -> Config:
    """The config with the alteration before the packing of its training and test pipelines.

    For heads trained on such depth.

    Raises:
        ConfigError: If nothing packs the samples of a loader: its depth would stay as it is.
    """
    config, step = deepcopy(config), dict(type='mmvd.AlterDepth', zeros=alteration.zeros, scale=alteration.scale)
    for loader in filter(config.get, ('train_dataloader', 'val_dataloader', 'test_dataloader')):
        altered = [_insert_before_packing(node.get('pipeline'), step) for node in datasets_in(config[loader].dataset)]
        if not any(altered):
            raise ConfigError(f'{loader}: no pipeline that ends in packing, before which depth could be altered')
    return config


def _insert_before_packing(pipeline: list[dict] | None, step: dict) -> bool:
    """Insert a step before the last one, if that packs; it may be the last one of a pipeline in the pipeline."""
    if not pipeline:
        return False
    if 'transforms' in pipeline[-1]:
        return _insert_before_packing(pipeline[-1].transforms, step)
    packs = 'Pack' in str(pipeline[-1].type)
    if packs:
        pipeline.insert(len(pipeline) - 1, dict(step))
    return packs


def format_table(rows: Sequence[dict], rgb_only: float | None = None) -> str:
    """Table 7's layout, with the paper's rows beneath: rows of :func:`sweep` that hold at least ``PAPER_COLUMNS``."""
    by_setting = {(row['zeros'], row['scale']): row for row in rows}
    columns = [by_setting[a.zeros, a.scale] for a in PAPER_COLUMNS]
    own, paper = ('-' if rgb_only is None else f'{rgb_only:.2f}'), f'{PAPER_MIOU_RGB:.2f}'

    def line(label: str, cells: Sequence[str], last: str = '') -> str:
        return f'{label:<42}' + ''.join(f'{cell:>8}' for cell in cells) + f'{last:>10}'

    lines = [
        line('random zeros [%]', [f'{100 * row["zeros"]:g}' for row in columns]),
        line('depth scale', [f'{row["scale"]:g}' if row['zeros'] < 1 else '-' for row in columns], 'RGB only'),
        line('depth mean [m]', [f'{row["mean_m"]:.2f}' for row in columns]),
        line('depth std [m]', [f'{row["std_m"]:.2f}' for row in columns]),
        line('depth zeros [%]', [f'{100 * row["missing"]:.0f}' for row in columns]),
        line('mIoU, this checkpoint', [f'{row["mIoU"]:.2f}' for row in columns], own),
        line("the paper's mIoU (Table 7, SUN RGB-D)", [f'{value:.2f}' for value in PAPER_MIOU], paper),
        line("the paper's depth mean [m]", [f'{value:g}' for value in PAPER_MEAN_M]),
        'The paper read depth at twice true metres: its columns 0.5 and 1 are scale 1 and 2 of true ones.',
    ]
    scales = [scale for scale in SCALES if (0.0, scale) in by_setting]
    if len(rows) > len(PAPER_COLUMNS):
        lines += ['', line('mIoU by zeros [%] and scale', [f'{scale:g}' for scale in scales])]
        for zeros in ZEROS:
            cells = [by_setting.get((zeros, scale if zeros < 1 else 1.0)) for scale in scales]
            lines.append(line(f'{100 * zeros:g}', [f'{row["mIoU"]:.2f}' for row in cells]))
    return '\n'.join(lines)
