"""MATLAB files of both kinds, with one error for those that are not whole."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import loadmat
from scipy.io.matlab import MatReadError

from mmvd.errors import SampleError, needs

# what scipy ends in on cut files
_DAMAGED = (OSError, ValueError, IndexError, KeyError, TypeError, NotImplementedError, MatReadError)


def read_mat(path: Path, name: str) -> np.ndarray:
    """A variable of a file up to version 7.

    Raises:
        SampleError: If the file is truncated, no such file, or has no such variable.
    """
    try:
        return np.atleast_1d(loadmat(path, squeeze_me=True, struct_as_record=False)[name])
    except Exception as error:  # a damaged file leads scipy to errors of a dozen classes
        raise SampleError(
            f'{path}: truncated or no MATLAB file with {name} ({type(error).__name__}), download it again'
        ) from error


@contextmanager
def open_hdf5(path: Path) -> Iterator[Any]:
    """A file of version 7.3, as h5py has it.

    Raises:
        ConfigError: If h5py is not installed.
        SampleError: If the file is truncated or no such file, or what is looked for is not in it.
    """
    with needs('MATLAB files of version 7.3', 'data'):
        import h5py
    try:
        with h5py.File(path) as file:
            yield file
    except (*_DAMAGED, AttributeError) as error:
        raise SampleError(
            f'{path}: truncated or no MATLAB 7.3 file of this layout ({str(error)[:60]}), download it again'
        ) from error
