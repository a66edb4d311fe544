"""Maps of a batch, which has the size of its largest image, as each sample has them."""

from collections.abc import Mapping

from mmengine.structures import BaseDataElement
from torch import Tensor


def set_maps(sample: BaseDataElement, maps: Mapping[str, Tensor]) -> None:
    """Give a sample its maps, without what was padded below and to the right.

    Args:
        sample: Gets them as data; ``img_shape`` (height, width) is the size of its image, if it is known.
        maps: (C, H, W) each.
    """
    height, width = (sample.get('img_shape') or (None, None))[:2]
    sample.set_data({name: value[..., :height, :width] for name, value in maps.items()})
