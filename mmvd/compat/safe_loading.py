"""No weights file may run code: neither engine is allowed to fall back to unpickling."""

import functools
import os
import pickle
from pathlib import Path


def forbid_unpickling() -> None:
    """Make ``torch.load`` refuse pickles whatever its caller asks for: OneDL's engine retries without the guard."""
    os.environ['TORCH_FORCE_WEIGHTS_ONLY_LOAD'] = '1'


@functools.cache
def _plain_types() -> list:
    """Plain data that mmengine writes beside the weights."""
    import numpy as np
    from mmengine.logging.history_buffer import HistoryBuffer

    core = np._core if np.lib.NumpyVersion(np.__version__) >= '2.0.0' else np.core
    dtypes = {
        type(np.dtype(name)) for name in ('float32', 'float64', 'int32', 'int64', 'uint8', 'uint32', 'uint64', 'bool')
    }

    def history_method(owner: type, name: str):
        if owner is not HistoryBuffer:
            raise pickle.UnpicklingError(f'getattr({owner}, {name}) in a checkpoint')
        return getattr(owner, name)

    # A history buffer names its statistics by getattr(HistoryBuffer, ...): that much of getattr is allowed, no more.
    return [
        HistoryBuffer,
        (history_method, 'builtins.getattr'),
        np.ndarray,
        np.dtype,
        core.multiarray._reconstruct,
        core.multiarray.scalar,
        *dtypes,
    ]


def allow_checkpoint_types() -> None:
    """Let the engine load its own checkpoints: upstream 0.10.7 registers none of their types."""
    import torch

    torch.serialization.add_safe_globals(_plain_types())


def load_checkpoint_file(path: str | Path) -> object:
    """Read a torch file on the CPU without unpickling: tensors and plain data only.

    Raises:
        pickle.UnpicklingError: If it holds anything else, or is no torch file.
    """
    import torch

    # again: torch's safe_globals context, which OneDL's engine uses, takes back on leaving what it names
    allow_checkpoint_types()
    return torch.load(path, map_location='cpu', weights_only=True)
