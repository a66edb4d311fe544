"""What to say when images do not fit into memory."""

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from mmvd.errors import MemoryLimitError

_SMALLEST = 32
_TEXTS = ("can't allocate memory", 'not enough memory', 'Storage size calculation overflowed')


@contextmanager
def told_if_full(what: str, remedy: str | Callable[[], str]) -> Iterator[None]:
    """A failed allocation, on the CPU or on an accelerator, becomes one line.

    Args:
        what: What does not fit.
        remedy: What would; a function is asked after everything was let go.

    Raises:
        MemoryLimitError: Instead of what torch, numpy or Python raise.
    """
    try:
        yield
        return
    except (RuntimeError, MemoryError) as error:  # torch has one class for the CPU's and everything else
        if not is_out_of_memory(error):
            raise
        traceback.clear_frames(error.__traceback__)  # whoever handles the error would hold all that was computed
    _empty_cache()
    raise MemoryLimitError(f'{what} do not fit into memory: {remedy() if callable(remedy) else remedy}')


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an allocation failed."""
    named = isinstance(error, (MemoryError, torch.OutOfMemoryError))
    return named or any(text in str(error) for text in _TEXTS)


def fitting_size(run: Callable[[int], object], failed: int) -> str:
    """Halve the working size until one image fits, and say it.

    Every try finds a GPU's cache empty, and so does whoever takes the advice: pieces that another size left there can
    be in the way of what just fits.

    Args:
        run: Completes one image at a working size.
        failed: Working size to start from.
    """
    smaller = failed
    while smaller >= _SMALLEST:
        try:
            run(smaller)
            return f'size={smaller} does, one image at a time'
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        finally:
            _empty_cache()
        smaller //= 2
    return f'nor does one at size={_SMALLEST}, free some memory'


def _empty_cache() -> None:
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
