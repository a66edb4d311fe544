"""An index of a dataset's samples: columns in one Arrow file, mapped into memory, which all processes share.

A list of samples costs 0.4 GiB for a million of them and a walk through all folders at every start; an index neither.
"""

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.logging import MMLogger

from mmvd.errors import ConfigError, SampleError

FOLDER, _VERSION = '.mmvd', 1
_NOT_LISTED = ('data_root', 'pipeline', 'test_mode', 'lazy_init', 'serialize_data', 'indices', 'max_refetch')


def index_path(root: Path, settings: dict) -> Path:
    """Where the index of a listing lies: in the dataset's folder, or in that of MMVD_INDEX, for read-only data.

    Args:
        root: The dataset's folder.
        settings: Class and arguments of the dataset.
    """
    listing = {key: value for key, value in settings.items() if key not in _NOT_LISTED}
    elsewhere = os.environ.get('MMVD_INDEX')
    if elsewhere:
        listing['root'] = str(root.resolve())
    digest = hashlib.sha256(json.dumps([_VERSION, listing], sort_keys=True, default=str).encode()).hexdigest()
    return (Path(elsewhere) if elsewhere else root / FOLDER) / f'{settings["type"]}_{digest[:16]}.arrow'


def write_index(entries: Sequence[dict], root: Path, path: Path, lists: Sequence[str | Path] = ()) -> None:
    """Write the entries of a data list, whole or not at all.

    Paths below ``root`` are stored relative to it, so that folder and index move together.

    Args:
        entries: Dicts with the same keys; values are paths and other texts, numbers, and arrays of one shape.
        root: The dataset's folder.
        path: Where the index goes.
        lists: Files below ``root`` that name the samples.

    Raises:
        ConfigError: If a value cannot be stored.
        SavingError: If the file cannot be written.
    """
    from mmvd.engine.atomic_backend import AtomicLocalBackend  # the engine imports models, which import datasets

    pa = _arrow()
    columns, constants, shapes = {}, {}, {}
    for key in entries[0]:
        values = [entry.get(key) for entry in entries]
        if isinstance(values[0], np.ndarray):
            shapes[key] = [values[0].dtype.str, *values[0].shape]
            flat = pa.array(np.concatenate([value.ravel() for value in values]))
            columns[key] = pa.FixedSizeListArray.from_arrays(flat, values[0].size)
        elif isinstance(values[0], str) and values[0].startswith(f'{root}{os.sep}'):
            folders, names = zip(*(os.path.split(os.path.relpath(value, root)) for value in values), strict=True)
            columns[f'{key}/folder'] = pa.array(folders).dictionary_encode()
            columns[f'{key}/name'] = pa.array(names)
        elif isinstance(values[0], str | int | float | bool | None) and len(set(values)) == 1:
            constants[key] = values[0]
        elif isinstance(values[0], str | int | float):
            columns[key] = pa.array(values)
        else:
            raise ConfigError(f'{root}: {key} of the samples, a {type(values[0]).__name__}, has no place in an index')
    listed = (column.dictionary.to_pylist() for name, column in columns.items() if name.endswith('/folder'))
    watched = {Path(folder) for each in listed for folder in each}
    watched |= {above for folder in watched for above in folder.parents}  # a new scene is a change of theirs
    watched |= {Path(os.path.relpath(each, root)) for each in lists}
    times = {str(each): (root / each).stat().st_mtime_ns for each in sorted(watched)}
    about = dict(version=_VERSION, constants=constants, shapes=shapes, watched=times)
    table = pa.table(columns or {'row': pa.nulls(len(entries))}).replace_schema_metadata({'mmvd': json.dumps(about)})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    AtomicLocalBackend().put(sink.getvalue().to_pybytes(), path)


def open_index(root: Path, settings: dict) -> 'IndexedEntries | None':
    """The index of a listing; None if there is none, or files came or went since (which is told).

    Raises:
        SampleError: If the index is damaged.
    """
    path = index_path(root, settings)
    if not path.is_file():
        return None
    entries = IndexedEntries(path, root)
    changed = entries.changed()
    if changed is not None:
        MMLogger.get_current_instance().warning(
            f'{path}: older than {root / changed}: its samples are listed anew, which takes long: prepare it again '
            '(tools/dataset_converters/prepare.py)'
        )
        return None
    return entries


class IndexedEntries(Sequence):
    """Entries of a data list that are made when they are asked for.

    Args:
        path: File of :func:`write_index`.
        root: The dataset's folder as it is now.

    Raises:
        SampleError: If the file is damaged.
    """

    def __init__(self, path: Path, root: Path):
        pa = _arrow()
        self.path, self.root = path, root
        try:
            table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
            about = json.loads(table.schema.metadata[b'mmvd'])
            self.constants, self.shapes, self.watched = (about[key] for key in ('constants', 'shapes', 'watched'))
        except (OSError, ValueError, KeyError, TypeError) as error:  # Arrow's own errors are ValueErrors and OSErrors
            raise SampleError(
                f'{path}: no readable index ({type(error).__name__}): delete it and prepare again'
            ) from error
        self.columns = {name: table.column(name).chunk(0) for name in table.column_names if len(table)}
        self.length = len(table)

    def changed(self) -> str | None:
        """A folder in which files came or went after the index was written, or a list that was; or what is gone."""
        written = self.path.stat().st_mtime_ns
        for name, then in self.watched.items():
            try:
                now = os.stat(self.root / name).st_mtime_ns
            except OSError:
                return name
            if now != then and now > written:
                return name
        return None

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(self.length))]
        number = range(self.length)[index]
        entry = dict(self.constants)
        for name, column in self.columns.items():
            key, _, part = name.partition('/')
            if part == 'name':
                continue
            if part == 'folder':
                entry[key] = os.path.join(
                    self.root, column[number].as_py(), self.columns[f'{key}/name'][number].as_py()
                )
            elif key in self.shapes:
                dtype, *shape = self.shapes[key]
                entry[key] = np.array(column[number].as_py(), dtype).reshape(shape)
            elif key != 'row':
                entry[key] = column[number].as_py()
        return entry

    def __reduce__(self):
        return type(self), (self.path, self.root)  # a new process maps the file, it does not get a copy


def _arrow():
    """Arrow, which indices alone need.

    Raises:
        ConfigError: If it is not installed.
    """
    try:
        import pyarrow
        import pyarrow.ipc
    except ImportError as error:
        raise ConfigError("an index of samples needs pyarrow: pip install 'mmvd[data]'") from error
    return pyarrow
