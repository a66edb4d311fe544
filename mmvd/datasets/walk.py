"""Which images a folder holds: on disk and in the archives directly below it."""

import os
import re
from collections.abc import Iterator, MutableMapping
from fnmatch import fnmatchcase
from pathlib import Path

from mmvd.errors import ConfigError, SampleError

from .archives import archives_in, open_archive


def walk(root: Path, images: str, exclude: str | None, done: MutableMapping[str, list] | None = None) -> Iterator[str]:
    """Relative paths of the images; hidden files (``._a.jpg`` of macOS) are none.

    Args:
        root: Folder of the dataset.
        images: Glob below it.
        exclude: Regular expression of paths to leave out.
        done: Folders that were listed before, with the time of their last change and their files; gets each new one.

    Yields:
        Paths with ``/``. Those in an archive are relative to the archive.
    """
    done = {} if done is None else done
    above, _, names = images.rpartition('/')
    for folder in root.glob(above) if above else [root]:
        if not folder.is_dir():
            continue
        relative = folder.relative_to(root).as_posix()
        key = f'{relative}/{names} {folder.stat().st_mtime_ns}'
        if key not in done:
            done[key] = [name for name in _listed(folder) if fnmatchcase(name, names)]
        yield from _shown((f'{relative}/{name}' if above else name for name in done[key]), exclude)
    for archive in archives_in(root):
        if '**' in images:
            raise ConfigError(f'{archive}: in an archive images={images!r} cannot be looked for: unpack it')
        parts = images.split('/')
        members = (name for name in open_archive(archive).names() if _matches(name.split('/'), parts))
        yield from _shown(members, exclude)


def _listed(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError as error:
        raise SampleError(f'{folder}: this folder cannot be read ({error.strerror})') from error


def _shown(names: Iterator[str], exclude: str | None) -> Iterator[str]:
    for name in names:
        if not any(part.startswith('.') for part in name.split('/')) and not (exclude and re.search(exclude, name)):
            yield name


def _matches(parts: list[str], patterns: list[str]) -> bool:
    return len(parts) == len(patterns) and all(map(fnmatchcase, parts, patterns))
