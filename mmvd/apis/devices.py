"""Where a model runs."""

import torch

from mmvd.errors import ConfigError


def find_device(device: str | torch.device | None = None) -> torch.device:
    """The device asked for, or an accelerator if there is one, else the CPU.

    Raises:
        ConfigError: If there is no such device here.
    """
    if device is None:
        return torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    try:
        found = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise ConfigError(f"device={device!r}: no such kind of device, say 'cpu' or 'cuda'") from error
    if found.type == 'cuda' and (found.index or 0) >= torch.cuda.device_count():
        raise ConfigError(
            f'device={str(found)!r}: torch sees {torch.cuda.device_count()} GPUs here, leave the device out'
        )
    if found.type not in ('cpu', 'cuda'):
        try:
            torch.empty(1, device=found).cpu()
        except (RuntimeError, NotImplementedError, AssertionError, ImportError) as error:
            raise ConfigError(f"device={str(found)!r}: torch cannot use it here, say 'cpu' or 'cuda'") from error
    return found
