"""Random keys of a batch, which travelled with its samples."""

from collections.abc import Sequence

import torch
from torch import Tensor

from mmvd import ops
from mmvd.datasets.sample_key import host_key, sample_key


def sample_keys(data_samples: Sequence, device: torch.device) -> Tensor:
    """(B,) int64 keys for draws in training; those of samples without one come from the host's seeding."""
    keys = [sample.metainfo.get('sample_key') for sample in data_samples]
    return ops.to_device(torch.tensor([host_key() if key is None else key for key in keys]), device)


def evaluation_keys(data_samples: Sequence, device: torch.device) -> Tensor:
    """(B,) int64 keys for masks of an evaluation, the same each time: without a key the sample's number counts."""
    keys = [(sample.metainfo.get('sample_key'), sample.metainfo.get('sample_idx', 0)) for sample in data_samples]
    numbers = [sample_key(0, 0, number) if key is None else key for key, number in keys]
    return ops.to_device(torch.tensor(numbers), device)
