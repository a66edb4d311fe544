"""What to say when images do not fit into memory."""

from collections.abc import Callable

import torch

from mmvd.errors import MemoryLimitError

_SMALLEST = 32


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an allocation failed, on the CPU or on an accelerator."""
    named = isinstance(error, (MemoryError, torch.OutOfMemoryError))
    return named or "can't allocate memory" in str(error) or 'not enough memory' in str(error)


def fitting_size(
    run: Callable[[int], object], native: tuple[int, int], size: int | None, batch: int
) -> MemoryLimitError:
    """Halve the working size until one image fits, and tell it.

    Args:
        run: Completes one image at a working size.
        native: (height, width) of the images.
        size: Working size that did not fit; None: the native one.
        batch: Images that did not fit.
    """
    failed = size or min(native)
    head = f'{batch} image(s) of {native[1]}x{native[0]} do not fit into memory at size={failed}'
    smaller = failed if batch > 1 else failed // 2
    while smaller >= _SMALLEST:
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        try:
            run(smaller)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            smaller //= 2
            continue
        more = ', one image at a time' if batch > 1 else ''
        return MemoryLimitError(f'{head}: size={smaller} does{more}')
    return MemoryLimitError(f'{head}, nor at size={_SMALLEST}: free some memory')
