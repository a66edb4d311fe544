"""An index of a dataset's samples: columns in one Arrow file, mapped into memory, which all processes share.

A list of samples costs 0.4 GiB for a million of them and a walk through all folders at every start; an index neither.
"""

import json
import os
import time
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.logging import MMLogger

from mmvd.errors import ConfigError, SampleError

from .archives import changed_ns, on_disk
from .tables import arrow, map_table, place, save_table

_VERSION, _KEPT = 6, 5  # of the reasons for which samples were left out, as many are named
_SECOND_NS, _ROUNDING_NS = 10**9, 1000  # of times of files, which copies cut or round
_ABOUT = ('constants', 'shapes', 'watched', 'left_out')
_NOT_LISTED = ('data_root', 'pipeline', 'test_mode', 'lazy_init', 'serialize_data', 'indices', 'max_refetch')


def index_path(root: Path, settings: dict, elsewhere: bool = True) -> Path:
    """Where the index of a listing is written.

    Args:
        root: The dataset's folder.
        settings: Class and arguments of the dataset.
        elsewhere: Whether MMVD_INDEX counts.
    """
    return place(root, settings['type'], dict(listing_of(settings), version=_VERSION), elsewhere)


def listing_of(settings: dict) -> dict:
    """Class and those arguments of a dataset that say which samples it lists, wherever its folder is."""
    return {key: value for key, value in settings.items() if key not in _NOT_LISTED}


def write_index(
    entries: Sequence[dict],
    root: Path,
    path: Path,
    sources: Sequence[Path] = (),
    began_ns: int | None = None,
    now_ns: Callable[[], int] = time.time_ns,
    problems: Sequence[str] = (),
) -> None:
    """Write the entries of a data list, whole or not at all.

    Paths below ``root`` are stored relative to it, so that folder and index move together.

    Args:
        entries: Dicts, some of which may lack a key that others have; values are paths and other texts, numbers,
            arrays of one shape, and lists of what JSON can hold.
        root: The dataset's folder.
        path: Where the index goes.
        sources: Further files and folders out of which the entries were made.
        began_ns: When the listing began, in nanoseconds of the clock that dates files.
        now_ns: Tells the time of that clock, this machine's by default.
        problems: Of what was left out, which every start is told of.

    Raises:
        ConfigError: If a value cannot be stored.
        SampleError: If files came or went since the listing began.
        SavingError: If the file cannot be written.
    """
    columns, constants, shapes = _sorted_out(entries, root)
    times = _times_of(columns, sources, root)
    late_ns = now_ns()  # what is dated later was so before
    late = next((each for each, then in times.items() if began_ns and began_ns < (then or 0) <= late_ns), None)
    if late is not None:
        raise SampleError(f'{root / late}: changed while it was listed: prepare again when all files are there')
    left_out = dict(count=len(problems), first=_first_of_each_reason(problems)[:_KEPT])
    about = dict(constants=constants, shapes=shapes, watched=times, left_out=left_out)
    save_table(columns or {'row': arrow().nulls(len(entries))}, about, path)


def _first_of_each_reason(problems: Sequence[str]) -> list[str]:
    reasons: dict[str, list[str]] = {}
    for problem in problems:
        reasons.setdefault(problem.partition('left out: ')[2], []).append(problem)
    return [of[0] + (f' (and {len(of) - 1} more)' if len(of) > 1 else '') for of in reasons.values()]


def _sorted_out(entries: Sequence[dict], root: Path) -> tuple[dict[str, Any], dict, dict[str, list]]:
    """Columns, what all samples have alike, and type and shape of arrays."""
    columns, constants, shapes = {}, {}, {}
    for key in dict.fromkeys(chain.from_iterable(entries)):
        values = [entry.get(key) for entry in entries]
        first = next((value for value in values if value is not None), None)
        if isinstance(first, np.ndarray):
            shapes[key] = [first.dtype.str, *first.shape]
        is_plain = isinstance(first, str | int | float | bool | None) and not _is_below(first, root)
        if is_plain and len(set(values)) == 1:
            constants[key] = first
        else:
            columns.update(_columns_of(key, values, first, root))
    return columns, constants, shapes


def _times_of(columns: dict[str, Any], sources: Sequence[Path], root: Path) -> dict[str, int | None]:
    """When the folders of the files, those above them, and the sources changed, in nanoseconds."""
    listed = (column.dictionary.to_pylist() for name, column in columns.items() if name.endswith('/folder'))
    watched = {Path(os.path.relpath(on_disk(root / folder), root)) for each in listed for folder in each}
    watched |= {above for folder in watched for above in folder.parents}  # a new scene is a change of theirs
    watched |= {Path(os.path.relpath(on_disk(each), root)) for each in sources}
    return {str(each): changed_ns(root / each) for each in sorted(watched)}


def _is_below(value: Any, root: Path) -> bool:
    """Whether a value is the path of a file in the folder, which is kept relative: the folder may move."""
    return isinstance(value, str) and value.startswith(os.path.join(root, ''))


def _columns_of(key: str, values: list, first: Any, root: Path) -> dict[str, Any]:
    """Arrow's columns of one key, null where a sample lacks it; what their names add says how they are read back."""
    pa = arrow()
    if isinstance(first, np.ndarray):
        lacks, none = [value is None for value in values], np.zeros_like(first)
        flat = pa.array(np.concatenate([(none if value is None else value).ravel() for value in values]))
        return {key: pa.FixedSizeListArray.from_arrays(flat, first.size, mask=pa.array(lacks) if any(lacks) else None)}
    if _is_below(first, root):
        split = ((None, None) if each is None else os.path.split(os.path.relpath(each, root)) for each in values)
        folders, names = zip(*split, strict=True)
        return {f'{key}/folder': pa.array(folders).dictionary_encode(), f'{key}/name': pa.array(names)}
    if isinstance(first, list):
        return {f'{key}/json': pa.array([None if value is None else json.dumps(value) for value in values])}
    if isinstance(first, str | int | float):
        return {key: pa.array(values)}
    raise ConfigError(f'{root}: {key} of the samples, a {type(first).__name__}, has no place in an index')


def open_index(root: Path, settings: dict) -> 'IndexedEntries | None':
    """The index of a listing, in MMVD_INDEX or with the data.

    None if there is none, or what it was made of has changed since (which is told).

    Raises:
        SampleError: If the index is damaged.
    """
    told = damaged = None
    for path in dict.fromkeys(index_path(root, settings, elsewhere) for elsewhere in (True, False)):
        if not os.path.isfile(path):
            continue
        try:
            entries = IndexedEntries(path, root)
        except SampleError as error:
            if path == index_path(root, settings):
                damaged = error
            else:  # it may be where nothing can be written
                told = str(error)
            continue
        changed = entries.changed()
        if changed is None:
            if entries.left_out['count']:
                MMLogger.get_current_instance().warning(f'{path}: {entries.told_left_out()}')
            return entries
        told = (
            f'{path}: {root / changed} has changed since: its samples are listed anew, which takes long, at every '
            'start until tools/dataset_converters/prepare.py has written it anew'
        )
    if damaged:
        raise damaged
    if told:
        MMLogger.get_current_instance().warning(told)
    return None


class IndexedEntries(Sequence):
    """Entries of a data list that are made when they are asked for.

    Args:
        path: File of :func:`write_index`.
        root: The dataset's folder as it is now.

    Raises:
        SampleError: If the file is damaged.
    """

    def __init__(self, path: Path, root: Path):
        self.path, self.root = path, root
        self.columns, self.length, about = map_table(path)
        try:
            self.constants, self.shapes, self.watched, self.left_out = (about[key] for key in _ABOUT)
        except KeyError as error:
            raise SampleError(f'{path}: no readable index (KeyError): delete it and prepare again') from error

    def changed(self) -> str | None:
        """A folder or file that is not as old as it was, because something came or went, or that is gone.

        Newer or older: what is unpacked gets the times of its archive. Copies may keep them less exactly.
        """
        for name, then in self.watched.items():
            now = changed_ns(self.root / name)
            if now != then and (None in (now, then) or not then - then % _SECOND_NS <= now <= then + _ROUNDING_NS):
                return name
        return None

    def told_left_out(self) -> str:
        """What could not be listed, in words."""
        return f'{self.left_out["count"]} samples or archives are left out, first {self.left_out["first"][0]}'

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(self.length))]
        number = range(self.length)[index]
        entry = dict(self.constants)
        for name, column in self.columns.items():
            (key, _, part), value = name.partition('/'), column[number].as_py()
            if part == 'name' or value is None:
                continue
            if part == 'folder':
                value = os.path.join(self.root, value, self.columns[f'{key}/name'][number].as_py())
            elif part == 'json':
                value = json.loads(value)
            elif key in self.shapes:
                dtype, *shape = self.shapes[key]
                value = np.array(value, dtype).reshape(shape)
            entry[key] = value
        return entry

    def __reduce__(self):
        return type(self), (self.path, self.root)  # a new process maps the file, it does not get a copy
