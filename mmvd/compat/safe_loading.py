"""No weights file may run code: neither engine is allowed to fall back to unpickling."""

import functools
import importlib.abc
import os
import pickle
import sys
import warnings
from pathlib import Path

_CHECKPOINTS = 'mmengine.runner.checkpoint'
_UNSAFE = 'TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD'
_TRUE = ('1', 'y', 'yes', 'true')  # as torch reads it


def forbid_unpickling() -> None:
    """Make ``torch.load`` refuse pickles whatever its caller asks for: OneDL's engine retries without the guard.

    The whole process and its children are meant, also loads that are none of ours (docs/guides/stacks.md).
    """
    if os.environ.pop(_UNSAFE, '0').lower() in _TRUE:  # torch loads nothing where both are set
        warnings.warn(f'mmvd: {_UNSAFE} is taken back: no weights file may run code', stacklevel=4)
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
        # numpy 1 and 2 name them differently: what one stack writes, the other reads
        *(
            (getattr(core.multiarray, name), f'numpy.{package}.multiarray.{name}')
            for package in ('core', '_core')
            for name in ('_reconstruct', 'scalar')
        ),
        *dtypes,
    ]


def allow_checkpoint_types() -> None:
    """Let the engine load its own checkpoints: upstream 0.10.7 registers none of their types."""
    import torch

    torch.serialization.add_safe_globals(_plain_types())


class _Checkpoints(importlib.abc.MetaPathFinder):
    """Finds nothing; when the engine's checkpoints are imported it allows their types: a host may load at once."""

    def find_spec(self, fullname, path=None, target=None):
        if fullname == _CHECKPOINTS:
            allow_checkpoint_types()
        return None


def arm_checkpoint_types() -> None:
    """Allow the types of checkpoints when the engine loads the first one, or now if it has been imported."""
    if _CHECKPOINTS in sys.modules:
        allow_checkpoint_types()
    elif not any(isinstance(finder, _Checkpoints) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Checkpoints())


def load_checkpoint_file(path: str | Path) -> object:
    """Read a torch file on the CPU without unpickling: tensors and plain data only.

    Raises:
        pickle.UnpicklingError: If it holds anything else, or is no torch file.
    """
    import torch

    # again: torch's safe_globals context, which OneDL's engine uses, takes back on leaving what it names
    allow_checkpoint_types()
    return torch.load(path, map_location='cpu', weights_only=True)
