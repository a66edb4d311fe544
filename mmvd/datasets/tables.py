"""Arrow tables in one file, mapped into memory, which all processes of a machine share."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from mmvd.errors import SampleError, needs
from mmvd.saving import AtomicLocalBackend

FOLDER = '.mmvd'
_DIGEST_BYTES = 16  # behind the table


def place(root: Path, kind: str, about: dict, elsewhere: bool = True) -> Path:
    """Where what is known of a folder is kept: in the folder itself, or in that of MMVD_INDEX, for read-only data.

    Args:
        root: The folder.
        kind: Beginning of the file's name.
        about: What the file's content depends on; another content has another name.
        elsewhere: Whether MMVD_INDEX counts.
    """
    given = os.environ.get('MMVD_INDEX') if elsewhere else None
    folder = Path(given).expanduser().absolute() if given else None
    if folder is None or folder.resolve() == root.resolve():  # files beside the data would age what is known of them
        folder = root / FOLDER
    else:
        about = dict(about, root=str(root.resolve()))
    digest = hashlib.sha256(json.dumps(about, sort_keys=True, default=str).encode()).hexdigest()
    return folder / f'{kind}_{digest[:16]}.arrow'


def save_table(columns: dict[str, Any], about: dict, path: Path) -> None:
    """Write a table, whole or not at all.

    Args:
        columns: Arrow arrays, or what becomes one, of one length.
        about: What JSON can hold.
        path: Where it goes.

    Raises:
        SampleError: If its path is no text, which Arrow cannot open.
        SavingError: If the file cannot be written.
    """
    if str(path) != str(path).encode('utf-8', 'replace').decode():
        raise SampleError(f'{ascii(str(path))}: a path that is no text in UTF-8: rename its folders')

    pa = arrow()
    table = pa.table(columns).replace_schema_metadata({'mmvd': json.dumps(about)})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    content = sink.getvalue()
    AtomicLocalBackend().put(content.to_pybytes() + _digest(content), path)


def map_table(path: Path) -> tuple[dict[str, Any], int, dict]:
    """Columns by name, number of rows, and what :func:`save_table` was told about them.

    Raises:
        SampleError: If the file is damaged.
    """
    pa = arrow()
    try:
        file = pa.memory_map(str(path))
        content = file.read_buffer(max(file.size() - _DIGEST_BYTES, 0))
        if file.read() != _digest(content):  # Arrow itself would read other values out of it, or end the process
            raise ValueError('damaged')
        table = pa.ipc.open_file(content).read_all()
        about = json.loads(table.schema.metadata[b'mmvd'])
    except (OSError, ValueError, KeyError, TypeError) as error:  # Arrow's own errors are ValueErrors and OSErrors
        raise SampleError(f'{path}: no readable index ({type(error).__name__}): delete it and prepare again') from error
    columns = {name: table.column(name).chunk(0) for name in table.column_names if len(table)}
    return columns, len(table), about


def _digest(content: Any) -> bytes:
    return hashlib.blake2b(content, digest_size=_DIGEST_BYTES).digest()


def arrow():
    """Arrow, which indices and archives alone need.

    Raises:
        ConfigError: If it is not installed.
    """
    with needs('indices of samples and archives', 'data'):
        import pyarrow
        import pyarrow.ipc
    return pyarrow
