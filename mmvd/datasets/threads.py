"""Many small readings at a time: files are waited for, and decoders let other threads run."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

_AT_ONCE = 4096  # a pool keeps all that it was given until it is done


def map_in_threads(function: Callable[[int], Any], numbers: Sequence[int]) -> Iterator[Any]:
    """What a function says of each of many numbers, in their order."""
    with ThreadPoolExecutor() as pool:
        for start in range(0, len(numbers), _AT_ONCE):
            yield from pool.map(function, numbers[start : start + _AT_ONCE])
