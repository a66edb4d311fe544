"""Maps of a batch, which has the size of its largest image, as each sample has them."""

from collections.abc import Mapping

import torch
from mmengine.structures import BaseDataElement
from torch import Tensor

from mmvd.errors import ConfigError


def set_maps(sample: BaseDataElement, maps: Mapping[str, Tensor]) -> None:
    """Give a sample its maps, without what was padded below and to the right.

    Args:
        sample: Gets them as data; ``img_shape`` (height, width) is the size of its image, if it is known.
        maps: (C, H, W) each.
    """
    height, width = (sample.get('img_shape') or (None, None))[:2]
    sample.set_data({name: value[..., :height, :width] for name, value in maps.items()})


def depth_of(inputs: Tensor, truth: Tensor | None) -> Tensor:
    """(B, 1, H, W) metres of inputs that bring metres, 0 where there is no depth at all.

    Args:
        inputs: (B, 3 + k, H, W) RGB and depth channels.
        truth: (B, 1, H, W) metres, if they are known.

    Raises:
        ConfigError: If there is neither depth nor truth: nothing could be compared.
    """
    if inputs.shape[1] > 3:
        return inputs[:, -1:]
    if truth is None:
        raise ConfigError('the batch brings neither depth nor gt_depth: there is nothing to compare predictions with')
    return torch.zeros_like(truth)
