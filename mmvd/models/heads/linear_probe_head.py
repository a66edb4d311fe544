"""Many linear classifiers on one frozen feature, trained at once (paper A.5, DINOv2's linear evaluation)."""

import itertools
import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmvd import ops
from mmvd.arguments import check_int, check_numbers, check_positive
from mmvd.errors import ConfigError
from mmvd.models.data_preprocessors.keys import sample_keys
from mmvd.registry import MODELS

_STREAM_DROPOUT, _INIT_STD = 51, 0.01  # DINOv2's initialisation


@MODELS.register_module()
class LinearProbeHead(BaseModule):
    """A grid of learning rates and dropouts, one classifier each, as one grouped weight.

    Each head follows the trajectory it would have alone: all start from the same weights, drawn from ``seed``; dropout
    is keyed by sample and dropout probability, so it does not depend on the neighbours; and each head's loss is
    multiplied by its learning rate while the optimizer runs SGD at rate 1 without weight decay, which gives every head
    exactly its own step and momentum.

    Heads are ordered by dropout, then by learning rate: head h has ``settings[h]``.

    Args:
        num_classes: Number of classes K.
        in_channels: Width D of the feature.
        learning_rates: Rates before scaling (paper: 14).
        dropouts: Dropout probabilities (paper: 6).
        lr_scale: Factor on every rate; DINOv2: global batch / 256.
        seed: Seed of the initial weights.
        init_cfg: As in mmengine.

    Attributes:
        settings: ``(learning rate, dropout)`` of each of the H heads.

    Raises:
        ConfigError: If a head would exist twice, or a number is outside its domain.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        learning_rates: Sequence[float],
        dropouts: Sequence[float],
        lr_scale: float = 1.0,
        seed: int = 0,
        init_cfg: dict | None = None,
    ):
        super().__init__(init_cfg)
        owner = 'LinearProbeHead'
        for name, value in dict(num_classes=num_classes, in_channels=in_channels).items():
            check_int(owner, name, value)
        check_int(owner, 'seed', seed, 0)
        check_positive(owner, 'lr_scale', lr_scale)
        learning_rates = check_numbers(owner, 'learning_rates', learning_rates)
        dropouts = check_numbers(owner, 'dropouts', dropouts)
        self.settings = [(rate, dropout) for dropout, rate in itertools.product(dropouts, learning_rates)]
        if len(set(self.settings)) != len(self.settings) or not self.settings:
            raise ConfigError(
                f'LinearProbeHead: the grid of {len(learning_rates)} learning rates and {len(dropouts)} dropouts is '
                'empty or holds a head twice: remove what is repeated'
            )
        if not all(0 < rate * lr_scale < math.inf for rate in learning_rates) or not all(
            0 <= dropout < 1 for dropout in dropouts
        ):
            raise ConfigError(
                'LinearProbeHead: learning rates and lr_scale must be positive numbers, dropouts at least 0 and below 1'
            )
        self.num_classes, self.dropouts, self.lr_scale, self.seed = num_classes, tuple(dropouts), lr_scale, seed
        start = torch.randn(num_classes, in_channels, generator=torch.Generator().manual_seed(seed)) * _INIT_STD
        self.weight = nn.Parameter(start.repeat(len(self.settings), 1, 1))
        self.bias = nn.Parameter(torch.zeros(len(self.settings), num_classes))
        self.register_buffer('rates', torch.tensor([rate * lr_scale for rate, _ in self.settings]), persistent=False)

    def forward(self, feats: Sequence[Tensor], keys: Tensor | None = None) -> Tensor:
        """Scores of all heads.

        Args:
            feats: The last entry counts: (B, D).
            keys: (B,) int64 sample keys in training; None: no dropout.

        Returns:
            (B, H, K).
        """
        feature = feats[-1]
        if keys is None:
            return F.linear(feature, self.weight.flatten(0, 1), self.bias.flatten()).unflatten(1, self.bias.shape)
        dropped = self._drop(feature, keys)  # (P, B, D): heads of one dropout share their input
        weight = self.weight.unflatten(0, (len(self.dropouts), -1)).flatten(1, 2)  # (P, L * K, D)
        # The weight comes first, so that its gradient has its layout: it is by far the largest tensor here.
        scores = torch.baddbmm(
            self.bias.view(len(self.dropouts), -1, 1).to(dropped), weight.to(dropped), dropped.transpose(1, 2)
        )
        return scores.unflatten(1, (-1, self.num_classes)).flatten(0, 1).permute(2, 0, 1)

    def _drop(self, feature: Tensor, keys: Tensor) -> Tensor:
        luck = ops.uniform(keys, _STREAM_DROPOUT, feature.shape[1])
        kept = [(luck >= p).to(feature.dtype) / (1 - p) for p in self.dropouts]
        return torch.stack([feature * mask for mask in kept])

    def loss(self, feats: Sequence[Tensor], data_samples: Sequence) -> dict[str, Tensor]:
        """Cross-entropies times learning rates, summed: what SGD at rate 1 minimises.

        And the mean and least plain loss for the log.

        Args:
            feats: The last entry counts: (B, D).
            data_samples: B samples with ``gt_label`` and a random key.
        """
        labels = torch.cat([sample.gt_label for sample in data_samples])
        scores = self(feats, sample_keys(data_samples, feats[-1].device))
        with torch.autocast(scores.device.type, enabled=False):
            every = F.cross_entropy(
                scores.float().flatten(0, 1), labels.repeat_interleave(len(self.settings)), reduction='none'
            )
            per_head = every.view(len(labels), -1).mean(0)
            return dict(
                loss=(per_head * self.rates).sum(),
                mean_cross_entropy=per_head.detach().mean(),
                least_cross_entropy=per_head.detach().min(),
            )

    def predict(self, feats: Sequence[Tensor], data_samples: Sequence) -> list:
        """The samples with ``probe_labels``: (H,) int64, the class that each head names."""
        labels = self(feats).argmax(-1)
        for sample, row in zip(data_samples, labels, strict=True):
            sample.set_field(row, 'probe_labels')
        return list(data_samples)

    def constants(self) -> dict:
        """What the trajectories of the heads depend on; saved in the meta of checkpoints."""
        return dict(settings=[list(setting) for setting in self.settings], lr_scale=self.lr_scale, seed=self.seed)
