"""Checks of arguments that come from configs: each error is one line that names class and argument.

A word or a NaN where a number belongs would otherwise be found hours later, or never.
"""

import math
import re
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

from .errors import ConfigError

_FARTHEST_M, _MOST = 1e4, 2**63


def _refuse(owner: str, name: str, wanted: str, value: Any) -> None:
    raise ConfigError(f'{owner}: {name} must be {wanted}, got {value!r}')


def check_int(owner: str, name: str, value: Any, least: int = 1) -> int:
    """A whole number of at least ``least``, and not more than a computer counts."""
    if isinstance(value, bool) or not isinstance(value, Integral) or not least <= value < _MOST:
        _refuse(owner, name, f'a whole number of at least {least}', value)
    return int(value)


def check_number(owner: str, name: str, value: Any, least: float = -math.inf, most: float = math.inf) -> float:
    """A finite number between two others."""
    try:
        is_number = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # a whole number of hundreds of digits
        is_number = False
    if not is_number or not least <= value <= most:
        bounds = '' if least == -math.inf else f' of at least {least:g}'
        bounds = bounds if most == math.inf else f' between {least:g} and {most:g}'
        _refuse(owner, name, f'a finite number{bounds}', value)
    return value


def check_positive(owner: str, name: str, value: Any) -> float:
    """A finite number above 0."""
    if check_number(owner, name, value) <= 0:
        _refuse(owner, name, 'above 0', value)
    return value


def check_share(owner: str, name: str, value: Any) -> float:
    """A probability or a share: a number between 0 and 1."""
    return check_number(owner, name, value, 0, 1)


def check_flag(owner: str, name: str, value: Any) -> bool:
    """True or False, and no word: ``'no'`` would count as true."""
    if not isinstance(value, bool):
        _refuse(owner, name, 'True or False', value)
    return value


def check_choice(owner: str, name: str, value: Any, choices: Sequence) -> Any:
    """One of some values."""
    if not isinstance(value, (str, int)) or value not in choices:
        _refuse(owner, name, f'one of {", ".join(map(str, choices))}', value)
    return value


def check_row(owner: str, name: str, value: Any, count: int, check=check_positive) -> tuple:
    """So many values, each of which passes a check."""
    is_row = isinstance(value, (list, tuple)) or getattr(value, 'ndim', 0) == 1
    if not is_row or len(value) != count:
        _refuse(owner, name, f'{count} numbers', value)
    return tuple(check(owner, f'{name}[{index}]', item) for index, item in enumerate(value))


def check_numbers(owner: str, name: str, value: Any) -> tuple[float, ...]:
    """A list of finite numbers."""
    if not isinstance(value, (list, tuple)):
        _refuse(owner, name, 'a list of numbers', value)
    return tuple(check_number(owner, f'{name}[{index}]', item) for index, item in enumerate(value))


def check_range(owner: str, name: str, value: Any, least: float = 0.0, most: float = math.inf) -> tuple[float, float]:
    """Two ascending numbers within bounds."""
    low, high = check_row(owner, name, value, 2, lambda o, n, v: check_number(o, n, v, least, most))
    if low > high:
        _refuse(owner, name, 'two ascending numbers', value)
    return low, high


def check_depth_range(owner: str, min_depth: Any, max_depth: Any) -> tuple[float, float]:
    """Two ascending distances in metres, the second above 0 and within what a depth file can hold."""
    check_positive(owner, 'max_depth', max_depth)
    check_number(owner, 'max_depth', max_depth, 0, _FARTHEST_M)
    if check_number(owner, 'min_depth', min_depth, 0) >= max_depth:
        _refuse(owner, 'min_depth', f'below max_depth={max_depth}', min_depth)
    return min_depth, max_depth


def check_size(owner: str, name: str, value: Any) -> tuple[int, int]:
    """(height, width) in pixels."""
    return check_row(owner, name, value, 2, check_int)


def check_intrinsics(owner: str, value: Any) -> tuple[float, float, float, float]:
    """``(fx, fy, cx, cy)`` in pixels, focal lengths above 0."""
    fx, fy, cx, cy = check_row(owner, 'intrinsics', value, 4, check_number)
    check_positive(owner, 'focal length fx', fx)
    check_positive(owner, 'focal length fy', fy)
    return fx, fy, cx, cy


def check_substitution(owner: str, name: str, value: Any) -> tuple[str, str]:
    """``(pattern, replacement)`` for :func:`re.sub`."""
    if isinstance(value, str) or not isinstance(value, Sequence) or [type(part) for part in value] != [str, str]:
        _refuse(owner, name, '(pattern, replacement), two strings', value)
    groups = re.compile(check_pattern(owner, name, value[0])).groups
    try:
        re.sub('()' * groups, value[1], '')  # the same groups, and it matches
    except (re.error, IndexError) as error:
        raise ConfigError(f'{owner}: {name} has no usable replacement {value[1]!r} ({error})') from error
    return value[0], value[1]


def check_pattern(owner: str, name: str, value: Any) -> str:
    """A regular expression."""
    try:
        re.compile(value)
    except (re.error, TypeError, RecursionError, OverflowError) as error:
        raise ConfigError(f'{owner}: {name} is no regular expression ({error}), got {value!r}') from error
    return value
