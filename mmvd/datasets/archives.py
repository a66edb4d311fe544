"""Archives that are read in place: in a path, a ``.zip`` or ``.tar`` file is a folder.

``ycbv/ycbv_train_real.zip/train_real/000001/rgb/000000.png`` is read as if the archive were unpacked there. Python's
own modules list an archive once; the list is kept beside it as a table that all processes map, so that a worker pays
neither the seconds nor the memory of a million names.
"""

import bisect
import os
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from posixpath import normpath

from mmengine.logging import MMLogger

from mmvd.errors import SampleError, SavingError

from .tables import arrow, map_table, place, save_table

ENDINGS = ('.zip', '.tar')
_LOCAL_HEADER, _ENCRYPTED, _WINDOWS = '<26xHH', 1, 0
_VERSION = 3  # of what is kept of an archive
_TAR_PADDING = 2 * 10240  # zeros that may follow the last file, two records; more are a download that broke off
_KNOWN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def split(path: str | Path) -> tuple[Path, str] | None:
    """The archive of a path and the name in it; None for a path that leads into none."""
    text = str(path)
    if not any(f'{ending}{os.sep}' in text.lower() for ending in ENDINGS):
        return None
    archive = next((above for above in Path(text).parents if above.suffix.lower() in ENDINGS and above.is_file()), None)
    return None if archive is None else (archive, Path(text).relative_to(archive).as_posix())


def read_bytes(path: str | Path) -> bytes:
    """Content of a file, on disk or in an archive.

    Raises:
        OSError: If it cannot be read.
        SampleError: If the archive cannot be read in place.
    """
    found = split(path)
    return Path(path).read_bytes() if found is None else open_archive(found[0]).read(found[1])


def is_file(path: str | Path) -> bool:
    """Whether there is such a file, on disk or in an archive; names that no file can have are none."""
    try:
        found = split(path)
        return os.path.isfile(path) if found is None else open_archive(found[0]).find(found[1]) is not None
    except (ValueError, OSError):  # a NUL in the name, or too many letters
        return False


def on_disk(path: Path) -> Path:
    """The path itself, or the archive into which it leads."""
    found = split(path / '_')  # an archive itself is no path into one
    return path if found is None else found[0]


def changed_ns(path: Path) -> int | None:
    """When a file, the names in a folder or the archive of a path changed last; None if there is none."""
    try:
        return on_disk(path).stat().st_mtime_ns
    except OSError:
        return None


def in_parts(path: Path) -> bool:
    """Whether an archive is the last of several files."""
    return path.with_suffix('.z01').is_file()


def archives_in(root: Path) -> list[Path]:
    """Archives directly below a folder, links that lead nowhere among them: their disk may come."""
    found = (path for path in root.glob('*') if path.suffix.lower() in ENDINGS and not path.is_dir())
    return sorted(path for path in found if not path.name.startswith('.'))  # ._a.zip is a note of macOS


def located(root: Path, name: str) -> Path:
    """Where a file of a dataset lies: on disk, or in the archive below the dataset's folder that has it.

    In some official archives the dataset's folder itself is above all files (``lm_base.zip``: ``lm/...``).

    Raises:
        SampleError: If it is nowhere, and there is an archive that cannot be read.
    """
    archives = _archives_of(root, root.stat().st_mtime_ns) if root.is_dir() else []
    if not archives or os.path.isfile(root / name):
        return root / name
    damaged = None
    for number, archive in enumerate(archives):
        try:
            names = (name, f'{root.name}/{name}')
            found = next((each for each in names if open_archive(archive).find(each)), None)
        except SampleError as error:
            damaged = error if archive.exists() else damaged  # a link that leads nowhere is told of where it is listed
            continue
        if found:
            archives.insert(0, archives.pop(number))  # the next file is likely to lie beside it
            return archive / found
    if damaged:
        raise damaged
    return root / name


@lru_cache
def _archives_of(root: Path, changed_ns: int) -> list[Path]:
    return archives_in(root)


def open_archive(path: Path) -> 'Archive':
    """An archive; each process opens it once, until it changes.

    Raises:
        SampleError: As :class:`Archive`, and if it is a link that leads nowhere.
    """
    try:
        about = path.stat()
    except OSError as error:
        raise SampleError(f'{path}: cannot be read ({error.strerror})') from error
    found = _open(path, about.st_size, about.st_mtime_ns)
    if isinstance(found, SampleError):
        raise SampleError(str(found)) from found
    return found


@lru_cache(256)
def _open(path: Path, size: int, changed_ns: int) -> 'Archive | SampleError':
    try:
        return Archive(path, dict(name=path.name, size=size, changed_ns=changed_ns, version=_VERSION))
    except SampleError as error:  # it is asked for again with every file
        return error


class Archive:
    """An archive and the table of what lies where in it.

    Args:
        path: The archive.
        about: What tells that the file is still the one that was listed.

    Raises:
        SampleError: If it is damaged, in parts, or encrypted.
    """

    def __init__(self, path: Path, about: dict):
        self.path, table = path, place(path.parent, f'{path.name}.contents', about)
        if not table.is_file():
            columns, contents = self._list()
            try:
                save_table(columns, contents, table)
            except SavingError as error:  # a read-only folder
                MMLogger.get_current_instance().warning(
                    f'{path}: listed at every start, because its list cannot be kept ({error}): set MMVD_INDEX to a '
                    'folder that can be written'
                )
        if table.is_file():
            columns, _, contents = map_table(table)
        self._names, self._places = columns.get('name', ()), columns.get('place', ())
        self.length, self._folders = len(self._names), frozenset(contents['folders'])

    def _list(self) -> tuple[dict, dict]:
        members = _zip_members if self.path.suffix.lower() == '.zip' else _tar_members
        try:
            found = {_as_text(name): where for name, *where in members(self.path)}  # of one name, the last one counts
            whole = self.path.stat().st_size
            if any(start + size > whole for start, size, *_ in found.values()):
                raise ValueError('its list leads beyond its end')
        except Exception as error:  # a damaged list leads both modules to errors of a dozen classes
            reason = ' '.join(str(error).split())
            raise SampleError(
                f'{self.path}: an archive that cannot be read in place ({reason}): unpack it, or copy it again'
            ) from error
        pa, names = arrow(), sorted(found)
        places = pa.array([number for name in names for number in found[name]], pa.int64())
        columns = dict(name=pa.array(names, pa.string()), place=pa.FixedSizeListArray.from_arrays(places, 4))
        return columns, dict(folders=sorted({name.split('/')[0] for name in names}))

    def names(self) -> Iterator[str]:
        """Names of the files in it, in order."""
        return (self._names[row].as_py() for row in range(self.length))

    def find(self, name: str) -> tuple[int, int, int, int] | None:
        """Place, stored size, kind and checksum of a file; None if it is not there."""
        if name.split('/')[0] not in self._folders:
            return None
        row = bisect.bisect_left(self._names, name, 0, self.length, key=lambda each: each.as_py())
        is_there = row < self.length and self._names[row].as_py() == name
        return tuple(self._places[row].as_py()) if is_there else None

    def read(self, name: str) -> bytes:
        """Content of a file.

        Raises:
            FileNotFoundError: If it is not there.
            OSError: If it is cut off or damaged.
        """
        found = self.find(name)
        if found is None:
            raise FileNotFoundError(f'no {name} in {self.path}')
        start, size, kind, checksum = found
        with open(self.path, 'rb') as file:
            if kind >= 0:  # in a .zip each file has a header of its own, of any length
                file.seek(start)
                header = file.read(struct.calcsize(_LOCAL_HEADER))
                start += len(header) + (sum(struct.unpack(_LOCAL_HEADER, header)) if len(header) == 30 else 0)
            file.seek(start)
            data = file.read(size)
        try:
            content = zlib.decompress(data, -zlib.MAX_WBITS) if kind == zipfile.ZIP_DEFLATED else data
        except zlib.error as error:
            raise OSError(f'damaged in its archive, {error}') from error
        if len(data) < size or (kind >= 0 and zlib.crc32(content) != checksum):
            raise OSError('damaged in its archive')
        return content


def _as_text(name: str) -> str:
    """A name that a table can hold: bytes that are no UTF-8 are escaped."""
    return name.encode('utf-8', 'backslashreplace').decode()


def _zip_members(path: Path) -> Iterator[tuple]:
    if in_parts(path):
        raise ValueError('it comes in parts')
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if member.flag_bits & _ENCRYPTED or member.compress_type not in _KNOWN:
                raise ValueError(f'{member.filename} is encrypted, or packed in another way than deflate')
            if not member.is_dir():
                name = member.filename.replace('\\', '/') if member.create_system == _WINDOWS else member.filename
                yield normpath(name), member.header_offset, member.compress_size, member.compress_type, member.CRC


def _tar_members(path: Path) -> Iterator[tuple]:
    places, links = {}, []
    with tarfile.open(path, 'r:') as archive:
        for member in archive:
            name = normpath(member.name)
            if member.size < 0:  # the module would go back, for ever
                raise ValueError(f'{name} has a size of {member.size} bytes')
            if member.issparse():
                raise ValueError(f'{name} is stored without its zeros, as tar --sparse does')
            if member.isreg():
                places[name] = (member.offset_data, member.size, -1, 0)
            elif member.islnk():  # the same file under a second name
                places[name] = places[normpath(member.linkname)]
            else:
                links += [name] if member.issym() else []
                continue
            yield name, *places[name]
        end = archive.offset
    if links:
        MMLogger.get_current_instance().warning(
            f'{path}: {len(links)} symbolic links in it are not followed, first {links[0]}: unpack it to read what '
            'they lead to'
        )
    with open(path, 'rb') as file:  # the module takes a damaged header for the end
        file.seek(end)
        rest = file.read(_TAR_PADDING + 1)
    if not rest or rest.strip(b'\0') or len(rest) > _TAR_PADDING:
        raise ValueError(f'its end is missing, or it is damaged at byte {end}')
