"""Which images a folder holds: on disk and in the archives directly below it."""

import os
import re
from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import suppress
from fnmatch import fnmatchcase
from itertools import groupby, islice
from pathlib import Path

from mmengine.logging import MMLogger

from mmvd.errors import ConfigError, SampleError

from .archives import archives_in, in_parts, open_archive

_OF_SYSTEMS = ('lost+found', 'System Volume Information', '$RECYCLE.BIN', '__MACOSX')


def walk(
    root: Path,
    images: str,
    exclude: str | None,
    done: MutableMapping[str, list] | None = None,
    problems: list[str] | None = None,
) -> Iterator[str]:
    """Relative paths of the images; hidden files (``._a.jpg`` of macOS) are none.

    Args:
        root: Folder of the dataset.
        images: Glob below it.
        exclude: Regular expression of paths to leave out.
        done: Folders that were listed before, with the time of their last change and their files; gets each new one.
        problems: Gets a line for each archive that cannot be read and each name that no list can hold, which are left
            out; None: the first one is an error.

    Yields:
        Paths with ``/``, each once. Those in an archive are relative to the archive, or to the dataset's folder in it.

    Raises:
        SampleError: If a folder or an archive cannot be read, or a name is no text of one line.
    """
    seen: set[str] = set()
    for name in _texts(_on_disk(root, images, exclude, {} if done is None else done, problems), root, problems):
        seen.add(name)
        yield name
    for archive in archives_in(root):
        if '**' in images:
            raise ConfigError(f'{archive}: in an archive images={images!r} cannot be looked for: unpack it')
        if not archive.exists():
            _tell_of_dead_link(str(archive), problems)
            continue
        twice, members = 0, _members(archive, images, problems, unpacked=bool(seen))
        for name in _texts(_shown(members, exclude), archive, problems):
            if name in seen:
                twice += 1
                continue
            seen.add(name)
            yield name
        if twice:
            MMLogger.get_current_instance().warning(
                f'{archive}: {twice} of its images are unpacked beside it, or in another archive, and read from there'
            )


def _on_disk(
    root: Path, images: str, exclude: str | None, done: MutableMapping[str, list], problems: list[str] | None
) -> Iterator[str]:
    above, _, names = images.rpartition('/')
    for folder in _folders(root, above.split('/') if above else [], problems):
        relative = folder.relative_to(root).as_posix()
        try:
            key = f'{relative}/{names} {folder.stat().st_mtime_ns}'
            if key not in done:
                done[key] = [name for name in _listed(folder) if fnmatchcase(name, names)]
        except OSError as error:
            _leave_out(f'{folder}: this folder cannot be read ({error.strerror})', problems)
            continue
        yield from _shown((f'{relative}/{name}' if above else name for name in done[key]), exclude)
    if '**' in above:  # who looks at the first images alone does not come here
        _warn_of_links(root)


def _folders(folder: Path, globs: list[str], problems: list[str] | None) -> Iterator[Path]:
    """Folders below one, level by level: pathlib's own glob passes over those that cannot be read."""
    if not globs or '**' in globs:
        yield from (each for each in folder.glob('/'.join(globs)) if os.path.isdir(each)) if globs else [folder]
        return
    try:
        names = [globs[0]] if (folder / globs[0]).is_dir() else list(_folders_in(folder, globs[0], problems))
    except OSError as error:
        _leave_out(f'{folder}: this folder cannot be read ({error.strerror})', problems)
        return
    for name in names:
        yield from _folders(folder / name, globs[1:], problems)


def _folders_in(folder: Path, glob: str, problems: list[str] | None) -> Iterator[str]:
    with os.scandir(folder) as entries:  # which knows folders from files without a look at each
        for each in entries:
            if is_data(each.name) and fnmatchcase(each.name, glob):
                try:
                    if each.is_dir():
                        yield each.name
                    elif each.is_symlink() and not os.path.splitext(each.name)[1] and not os.path.exists(each.path):
                        _tell_of_dead_link(each.path, problems)  # to a folder by its name
                except OSError as error:  # links are looked at, and may lead in circles
                    _leave_out(f'{each.path}: this link cannot be followed ({error.strerror})', problems)


def is_data(name: str) -> bool:
    """Whether a folder may hold data: it is not hidden, and none that systems make, which are locked on many disks."""
    return not name.startswith('.') and name not in _OF_SYSTEMS


def _warn_of_links(root: Path) -> None:
    """Links to folders may lead in circles: ``**`` leaves them out, as everywhere in Python."""
    linked: list[str] = []
    for folder in root.glob('**'):
        with suppress(OSError):  # told where it is listed
            found = [entry.path for entry in os.scandir(folder) if entry.is_symlink() and entry.is_dir()]
            linked += [os.path.relpath(path, root) for path in found]
    if linked:
        MMLogger.get_current_instance().warning(
            f'{root}: ** does not follow links: {len(linked)} linked folders are left out, e.g. {min(linked)}: name '
            'their level by *'
        )


def _members(archive: Path, images: str, problems: list[str] | None, unpacked: bool) -> Iterator[str]:
    try:
        names = open_archive(archive).names()
    except SampleError as error:
        if in_parts(archive) and unpacked:  # what it holds lies beside it
            return
        _leave_out(str(error), problems)
        return
    names = (name.removeprefix(f'{archive.parent.name}/') for name in names)  # as lm_base.zip: lm/...
    globs, deeper = images.split('/'), None
    for name in names:
        parts = name.split('/')
        if _matches(parts, globs):
            yield name
        elif deeper is None and is_deeper(parts, globs):
            deeper = name
    if deeper:
        above = '/'.join(deeper.split('/')[: -len(globs)])
        MMLogger.get_current_instance().warning(
            f'{archive}: images below {above}/ in it are left out, they are looked for at {images}: unpack it there'
        )


def is_deeper(parts: Sequence[str], globs: list[str]) -> bool:
    """Whether a file would match below another folder."""
    return len(parts) > len(globs) > 1 and all(map(is_data, parts)) and _matches(parts[-len(globs) :], globs)


def some_of(names: Iterator[str], folders: int, each: int) -> Iterator[str]:
    """The first names of the first folders, of names that come folder by folder."""
    for _, inside in islice(groupby(names, os.path.dirname), folders):
        yield from islice(inside, each)


def _leave_out(problem: str, problems: list[str] | None) -> None:
    if problems is None:
        raise SampleError(problem)
    if f'left out: {problem}' not in problems:  # a dataset that walks twice
        problems.append(f'left out: {problem}')


def _tell_of_dead_link(path: str, problems: list[str] | None) -> None:
    """What it led to may have been data, or not: no start of a training ends for it."""
    told = f'{path}: this link leads nowhere: is its disk there?'
    if problems is None:
        MMLogger.get_current_instance().warning(told)
    else:
        _leave_out(told, problems)


def _texts(names: Iterator[str], above: Path, problems: list[str] | None) -> Iterator[str]:
    for name in names:
        if _is_text(name):
            yield name
        else:
            _leave_out(f'{above}/{name!r}: a name that is no text of one line in UTF-8: rename it', problems)


def _is_text(name: str) -> bool:
    try:
        return len(name.encode().splitlines()) == 1
    except UnicodeEncodeError:  # bytes that are no UTF-8
        return False


def visited(root: Path, images: str) -> list[Path]:
    """Folders in which something new would be a new image, at every level of the glob, and archives."""
    parts = images.split('/')[:-1]
    globs = ('/'.join(parts[:depth]) for depth in range(1, len(parts) + 1))
    found = (path for each in globs for path in root.glob(each) if os.path.isdir(path))
    return [root, *archives_in(root), *(path for path in found if not path.name.startswith('.'))]


def _listed(folder: Path) -> list[str]:
    return os.listdir(folder)


def _shown(names: Iterator[str], exclude: str | None) -> Iterator[str]:
    for name in names:
        if not any(part.startswith('.') for part in name.split('/')) and not (exclude and re.search(exclude, name)):
            yield name


def _matches(parts: Sequence[str], patterns: list[str]) -> bool:
    return len(parts) == len(patterns) and all(map(fnmatchcase, parts, patterns))
