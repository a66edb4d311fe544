"""Where a model runs."""

from contextlib import nullcontext

import torch

from mmvd.errors import ConfigError

_DTYPES = (torch.float32, torch.bfloat16, torch.float16)


def check_dtype(dtype: torch.dtype) -> torch.dtype:
    """Refuse a precision that models do not run in.

    Raises:
        ConfigError: If it is none of float32, bfloat16 and float16.
    """
    if dtype not in _DTYPES:
        raise ConfigError(f'dtype must be one of {", ".join(map(str, _DTYPES))}, got {dtype!r}')
    return dtype


def autocast(device: torch.device, dtype: torch.dtype | None):
    """Autocast to a precision; nothing for float32 or None."""
    return nullcontext() if dtype in (None, torch.float32) else torch.autocast(device.type, dtype)


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
