"""From host to device without a wait."""

import torch
from torch import Tensor


def to_device(x: Tensor, device: torch.device) -> Tensor:
    """A tensor of the host on a device.

    From pinned memory: a copy of ordinary memory would wait for all work that the device has been given.

    Args:
        x: Tensor on the CPU.
        device: Where it goes.
    """
    if device.type == 'cpu':
        return x
    return (x.pin_memory() if torch.cuda.is_available() else x).to(device, non_blocking=True)
