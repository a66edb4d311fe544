"""No weights file may run code: neither engine is allowed to fall back to unpickling."""
import os


def forbid_unpickling() -> None:
    """Make ``torch.load`` refuse pickles whatever its caller asks for (OneDL's engine retries without the safeguard)."""
    os.environ['TORCH_FORCE_WEIGHTS_ONLY_LOAD'] = '1'


def allow_checkpoint_types() -> None:
    """Allow the plain data that mmengine writes beside the weights (upstream 0.10.7 registers none of it)."""
    import numpy as np
    import torch
    from mmengine.logging.history_buffer import HistoryBuffer
    core = np._core if hasattr(np, '_core') else np.core
    dtypes = {type(np.dtype(name)) for name in ('float32', 'float64', 'int32', 'int64', 'uint8', 'uint32', 'uint64', 'bool')}
    torch.serialization.add_safe_globals(
        [HistoryBuffer, np.ndarray, np.dtype, core.multiarray._reconstruct, core.multiarray.scalar, *dtypes])
