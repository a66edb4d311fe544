"""The whole model: frozen encoder, then a head that estimates the pose of the object in each box."""

import torch
from mmengine.model import BaseModel
from mmengine.structures import InstanceData
from torch import Tensor

from mmvd.errors import ConfigError
from mmvd.registry import MODELS


@MODELS.register_module()
class PoseEstimator(BaseModel):
    """6D pose of objects whose boxes and classes are known: annotated, or found by a detector.

    Samples bring ``proposals`` (boxes and labels) and, for training and evaluation, ``gt_instances`` in the same order;
    predictions are ``pred_instances``: ``rotations`` (N, 3, 3), ``translations`` (N, 3) in metres, ``labels``,
    ``scores`` and ``bboxes``.

    Args:
        backbone: Config of the encoder, e.g. ``mmvd.VDViT`` with ``frozen='all'``.
        head: Config of the head, e.g. ``mmvd.PoETHead``.
        data_preprocessor: Config of the preprocessor.
        init_cfg: As in mmengine.
    """

    def __init__(self, backbone: dict, head: dict, data_preprocessor: dict | None = None, init_cfg: dict | None = None):
        super().__init__(data_preprocessor or dict(type='mmvd.RGBDDetDataPreprocessor'), init_cfg)
        self.backbone, self.head = MODELS.build(backbone), MODELS.build(head)

    def forward(self, inputs: Tensor, data_samples: list, mode: str = 'tensor') -> dict | list | tuple:
        """Run the model.

        Args:
            inputs: (B, 3 + k, H, W) float32.
            data_samples: Samples with ``proposals``; for ``'loss'`` with ``gt_instances`` as well.
            mode: ``'loss'``, ``'predict'`` or ``'tensor'``.

        Returns:
            Losses; samples with ``pred_instances``; or rotations and translations of all layers.

        Raises:
            ConfigError: If, for the loss, proposals are not those of the annotated objects.
        """
        features = self.backbone(inputs)
        boxes, labels, valid = _queries(data_samples, inputs.device)
        found = self.head(features, boxes, labels, valid, [sample.metainfo for sample in data_samples])
        if mode == 'loss':
            return self._loss(*found, valid, data_samples)
        if mode == 'predict':
            return self._predict(found[0][-1], found[1][-1], data_samples)
        return found

    def _loss(self, rotations: Tensor, translations: Tensor, valid: Tensor, samples: list) -> dict[str, Tensor]:
        if not all(sample.metainfo.get('boxes_annotated') for sample in samples):
            raise ConfigError(
                'PoseEstimator: training needs the boxes of the annotated objects, not those of a detector'
            )
        truth = InstanceData.cat([sample.gt_instances[: len(sample.proposals)] for sample in samples])
        losses = {}
        estimates = zip(rotations[:, valid], translations[:, valid], strict=True)
        for layer, (turns, places) in enumerate(estimates):
            found = self.head.loss_fn(turns, places, truth.rotations, truth.translations, truth.obj_ids)
            before = '' if layer == len(rotations) - 1 else f'd{layer}.'
            losses.update({f'{before}{name}': value for name, value in found.items()})
        return losses

    @staticmethod
    def _predict(rotations: Tensor, translations: Tensor, samples: list) -> list:
        for sample, turns, places in zip(samples, rotations, translations, strict=True):
            queries = sample.proposals
            count = len(queries)
            sample.pred_instances = InstanceData(
                bboxes=queries.bboxes,
                labels=queries.labels,
                scores=queries.scores,
                rotations=turns[:count],
                translations=places[:count],
            )
        return samples


def _queries(samples: list, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """(B, Q, 4) boxes, (B, Q) labels and (B, Q) which of them are no padding; Q is that of the fullest image."""
    count = max(1, *(len(sample.proposals) for sample in samples)) if samples else 1
    boxes = torch.zeros(len(samples), count, 4, device=device)
    labels = torch.zeros(len(samples), count, dtype=torch.int64, device=device)
    valid = torch.zeros(len(samples), count, dtype=torch.bool, device=device)
    for row, sample in enumerate(samples):
        number = len(sample.proposals)
        boxes[row, :number], labels[row, :number] = sample.proposals.bboxes, sample.proposals.labels
        valid[row, :number] = True
    return boxes, labels, valid
