"""bf16 autocast without a loss scaler: bf16 has the range of float32, and nothing to scale."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.device import get_device
from mmengine.optim import OptimWrapper
from torch import nn

from mmvd.registry import OPTIM_WRAPPERS


@OPTIM_WRAPPERS.register_module()
class BF16OptimWrapper(OptimWrapper):
    """Runs the forward pass under bf16 autocast; weights, gradients and optimizer stay in float32.

    Encoding, decoding of metres, preprocessing and losses are islands of full precision inside. Arguments as in
    :class:`mmengine.optim.OptimWrapper`, gradient accumulation included.
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Context of one forward pass."""
        with super().optim_context(model), torch.autocast(get_device(), torch.bfloat16):
            yield
