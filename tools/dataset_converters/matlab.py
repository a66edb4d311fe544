"""MATLAB files of both kinds, with one error for those that are not whole."""
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
from scipy.io import loadmat

from mmvd.errors import SampleError


def read_mat(path: Path) -> dict:
    """Variables of a file up to version 7.

    Raises:
        SampleError: If the file is truncated or no such file.
    """
    try:
        return loadmat(path, squeeze_me=True, struct_as_record=False)
    except Exception as error:  # scipy's reader ends in whatever the damaged bytes lead it to
        raise SampleError(f'{path}: truncated or no MATLAB file ({type(error).__name__}), download it again') from error


@contextmanager
def open_hdf5(path: Path) -> Iterator[h5py.File]:
    """A file of version 7.3.

    Raises:
        SampleError: If the file is truncated or no such file.
    """
    try:
        with h5py.File(path) as file:
            yield file
    except (OSError, KeyError) as error:
        raise SampleError(f'{path}: truncated or no MATLAB 7.3 file ({str(error)[:60]}), download it again') from error
