"""Encoder, decoder and loss of Vanishing Depth pretraining and of depth completion."""

from collections.abc import Sequence

import torch
from mmengine.model import BaseModel
from mmengine.structures import BaseDataElement
from torch import Tensor

from mmvd.errors import ConfigError
from mmvd.models.backbones import StreamFeatures
from mmvd.models.data_preprocessors.keys import evaluation_keys
from mmvd.registry import MODELS

from .density_sweep import DensitySweep
from .sample_maps import depth_of, set_maps


@MODELS.register_module()
class DepthCompleter(BaseModel):
    """Completes depth maps (paper Fig. 1).

    Args:
        backbone: Config of the encoder, ``mmvd.VDViT``.
        head: Config of the decoder, ``mmvd.DepthCompletionHead`` or ``mmvd.JointBilateralHead``.
        data_preprocessor: Config, ``mmvd.RGBDDataPreprocessor``.
        test_cfg: Arguments of :class:`DensitySweep`; without it each input is completed as it comes.
        init_cfg: As in mmengine.

    Raises:
        ConfigError: If depth that comes encoded from the pipeline is to be evaluated, or encoding, data preprocessor
            and head do not belong together.
    """

    def __init__(
        self,
        backbone: dict,
        head: dict,
        data_preprocessor: dict | None = None,
        test_cfg: dict | None = None,
        init_cfg: dict | None = None,
    ):
        super().__init__(data_preprocessor or dict(type='mmvd.RGBDDataPreprocessor'), init_cfg)
        self.backbone, self.head = MODELS.build(backbone), MODELS.build(head)
        self._check_encoding()
        self.sweep = DensitySweep(**test_cfg) if test_cfg else None
        if self.sweep is not None:
            self._check_metric()

    def forward(
        self,
        inputs: Tensor,
        data_samples: Sequence[BaseDataElement] | None = None,
        gt_depth: Tensor | None = None,
        removed_mask: Tensor | None = None,
        partner_rgb: Tensor | None = None,
        depth_m: Tensor | None = None,
        gt_axes: Tensor | None = None,
        mode: str = 'tensor',
    ) -> Tensor | dict | list:
        """Run the model.

        Args:
            inputs: (B, 3 + k, H, W), see :class:`mmvd.VDViT`.
            data_samples: Meta information of the samples.
            gt_depth: (B, 1, H, W) metres, 0 = missing: what is to be recovered.
            removed_mask: (B, 1, H, W) bool, True where depth was taken away.
            partner_rgb: (B, 3, H, W) other images, for the probe with swapped RGB.
            depth_m: (B, 1, H, W) metres that the depth channels were made of, where those are not metres.
            gt_axes: (B, A, H, W) metres, what is to be recovered of each axis, where several are predicted.
            mode: ``'tensor'``: (B, 1, H, W) metres; ``'loss'``: a dict of losses; ``'predict'``: the data samples with
                ``pred_depth``, ``input_depth`` (D, H, W), ``gt_depth`` (1, H, W) and, with probes, what
                :class:`DensitySweep` adds, all in metres.

        Raises:
            RuntimeError: If the mode is unknown.
        """
        if mode == 'tensor':
            return self.complete(inputs, data_samples=data_samples)[-1][:, -1:]
        if mode == 'loss':
            if gt_depth is None:
                raise ConfigError(
                    'DepthCompleter: the batch brings neither depth nor gt_depth: there is nothing to learn'
                )
            target = gt_depth if gt_axes is None else gt_axes
            return self.head.loss(self.complete(inputs, data_samples=data_samples), target, removed_mask)
        if mode == 'predict':
            return self.predict(inputs, data_samples, gt_depth, partner_rgb, depth_m)
        raise RuntimeError(f"mode must be 'tensor', 'loss' or 'predict', got {mode!r}")

    def complete(
        self, inputs: Tensor, rgb: StreamFeatures | None = None, data_samples: Sequence[BaseDataElement] | None = None
    ) -> list[Tensor]:
        """Predictions (B, A, h, w) in metres, coarse to fine, the last at the size of the input.

        Depth that was encoded in the pipeline was brought into range there, by the ``range_factor`` of its sample.
        """
        features, factor = self.backbone.extract(inputs, rgb, getattr(self.head, 'project', None))
        if data_samples and 'range_factor' in data_samples[0]:
            factor = factor * torch.tensor([sample.range_factor for sample in data_samples], device=factor.device)
        return self.head.complete(features, inputs, factor)

    def _check_encoding(self) -> None:
        encoding = getattr(self.backbone, 'depth_encoding', None)
        given = getattr(self.data_preprocessor, 'encoding', None)
        if getattr(self.head, 'reads_metres', False) and (encoding is None or encoding.reads != 'metres'):
            what = 'encoded channels' if encoding is None else encoding.reads
            raise ConfigError(
                f'DepthCompleter: {type(self.head).__name__} reads metres, the inputs bring {what}: take '
                'mmvd.DepthCompletionHead, or set model.backbone.depth_encoding to one of metres'
            )
        if encoding is None:
            return
        reads = 'metres' if given is None else given.reads
        if reads != encoding.reads or (given is not None and given.constants() != encoding.constants()):
            raise ConfigError(
                f'DepthCompleter: the backbone encodes {encoding.reads} ({encoding.constants()}), the data '
                f'preprocessor gives {reads}: set model.data_preprocessor.depth_encoding to that of the backbone'
            )
        if encoding.bounds_depth and self.head.max_depth not in (None, encoding.max_depth):
            raise ConfigError(
                f'DepthCompleter: the head decodes up to {self.head.max_depth} m, the encoding reaches '
                f'{encoding.max_depth} m: set model.head.max_depth to it'
            )
        if self.head.num_axes != encoding.num_axes:
            raise ConfigError(
                f'DepthCompleter: {type(encoding).__name__} has {encoding.num_axes} axes to predict, the head '
                f'{self.head.num_axes}: set model.head.num_axes={encoding.num_axes}'
            )

    def _check_metric(self) -> None:
        if self.backbone.depth_encoding is None:
            raise ConfigError(
                'DepthCompleter: evaluation compares metres, and depth_encoding=None brings encoded channels: evaluate '
                'with model.backbone.depth_encoding, which has no weights of its own'
            )

    def predict(
        self,
        inputs: Tensor,
        data_samples: Sequence[BaseDataElement] | None,
        gt_depth: Tensor | None = None,
        partner_rgb: Tensor | None = None,
        depth_m: Tensor | None = None,
    ) -> list[BaseDataElement]:
        """Predictions per sample, see :meth:`forward`."""
        self._check_metric()
        data_samples = data_samples or [BaseDataElement() for _ in inputs]
        if depth_m is None:
            depth_m = depth_of(inputs, gt_depth)
        if self.sweep is None:
            results = dict(input_depth=depth_m, pred_depth=self.complete(inputs)[-1][:, -1:])
        else:
            results = self.sweep.run(
                lambda channels, view: self.complete(torch.cat((view[0], channels), 1), view[1])[-1][:, -1:],
                self.backbone.depth_encoding,
                inputs[:, 3:],
                depth_m,
                [
                    None if image is None else (image, self.backbone.encode_rgb(image))
                    for image in (inputs[:, :3], partner_rgb)
                ],
                evaluation_keys(data_samples, inputs.device),
                [tuple((sample.get('img_shape') or inputs.shape[-2:])[:2]) for sample in data_samples],
            )
        results['gt_depth'] = depth_m if gt_depth is None else gt_depth
        method = dict(range_m=self.backbone.depth_encoding.max_depth, over_range=self.backbone.over_range)
        for index, sample in enumerate(data_samples):
            sample.set_metainfo(dict(method=method, **({'protocol': self.sweep.protocol()} if self.sweep else {})))
            set_maps(sample, {name: value[index] for name, value in results.items()})
        return list(data_samples)
