"""Lists of files: one sample a line, its columns divided by tabs where there is one, else by spaces."""

import codecs
from collections.abc import Sequence
from pathlib import Path

from mmvd.errors import ConfigError, MissingInputsError

from .archives import is_file, read_bytes

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_list(path: str | Path, columns: Sequence[str]) -> list[tuple[str, ...]]:
    """Read a list of files.

    A line with a tab is divided at its tabs, so that names may hold spaces; other lines are divided at spaces. Empty
    lines are left out.

    Args:
        path: UTF-8 text, with or without byte order mark.
        columns: Names of the columns.

    Raises:
        MissingInputsError: If there is no such file.
        ConfigError: If it is no UTF-8 text, or a line has another number of columns.
    """
    path = Path(path)
    if not is_file(path):
        raise MissingInputsError(f'{path}: no such list of image and depth files')
    try:
        data = read_bytes(path)
    except OSError as error:
        raise MissingInputsError(f'{path}: this list cannot be read ({error.strerror or error})') from error
    if data.startswith(_UTF16) or b'\0' in data:
        raise ConfigError(f'{path}: a list must be UTF-8 text, this one is UTF-16 or no text: save it as UTF-8')
    try:
        text = data.decode('utf-8-sig')
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b'\n') + 1
        raise ConfigError(
            f'{path}, line {line}: a list must be UTF-8 text ({error.reason}): save it as UTF-8'
        ) from error
    rows = []
    for number, line in enumerate(text.split('\n'), 1):
        if not line.strip():
            continue
        row = tuple(part.strip() for part in line.split('\t')) if '\t' in line else tuple(line.split())
        if len(row) != len(columns) or not all(row):
            raise ConfigError(
                f'{path}, line {number}: expected "{" ".join(columns)}", got {line.strip()!r} '
                '(put a tab between names that hold spaces)'
            )
        rows.append(row)
    return rows
