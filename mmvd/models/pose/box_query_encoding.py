"""A box as the vector of a query."""

import torch
from torch import Tensor, nn

from mmvd.arguments import check_int
from mmvd.errors import ConfigError


class BoxQueryEncoding(nn.Module):
    """Sines and cosines of centre and size of a box, without anything learned.

    Each of (cx, cy, w, h), as shares of the image, is multiplied by 1, 2, 4, ..., and gives a block of sines and one of
    cosines. PoET takes 32 frequencies, of which those beyond 2^10 turn within a hundredth of a pixel: a code of the
    box's rounding, not of the box, so that ten are the default here.

    Args:
        embed_dims: Length of the vector, at least 8 times the frequencies; what is left is 0.
        frequencies: Powers of two, from 1.
    """

    def __init__(self, embed_dims: int = 256, frequencies: int = 10):
        super().__init__()
        self.embed_dims = check_int('BoxQueryEncoding', 'embed_dims', embed_dims)
        self.frequencies = check_int('BoxQueryEncoding', 'frequencies', frequencies)
        if 8 * frequencies > embed_dims:
            raise ConfigError(f'BoxQueryEncoding: {frequencies} frequencies need embed_dims of {8 * frequencies}')

    def forward(self, boxes: Tensor) -> Tensor:
        """(..., 4) float32 boxes (cx, cy, w, h) as shares of the image -> (..., embed_dims) float32."""
        powers = 2.0 ** torch.arange(self.frequencies, device=boxes.device)
        phase = boxes.float()[..., None] * powers
        code = torch.cat((phase.sin(), phase.cos()), -1).flatten(-2)
        return torch.nn.functional.pad(code, (0, self.embed_dims - code.shape[-1]))
