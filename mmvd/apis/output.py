"""Where the results of an inferencer go: what is there already is kept, replaced or refused, never by accident."""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from mmvd.datasets.rasters import shown
from mmvd.errors import ConfigError
from mmvd.saving import check_writable

from .inputs import Source


class Output:
    """The folder of one call.

    Args:
        folder: Where results go; None: nowhere.
        endings: What the names of the files of one result end in.
        overwrite: Whether files there may be replaced.
        skip_existing: Whether inputs whose files are all there are passed over; of the others files are replaced.

    Attributes:
        folder: As a path.
        skipped: Names of the inputs that were passed over.

    Raises:
        ConfigError: If the folder is no path or cannot be written, or files there are to be replaced and kept.
    """

    def __init__(
        self, folder: str | Path | None, endings: Sequence[str], overwrite: bool = False, skip_existing: bool = False
    ):
        if overwrite and skip_existing:
            raise ConfigError('overwrite replaces results that are there, skip_existing keeps them: say one of them')
        if folder is not None:
            if not isinstance(folder, (str, Path)):
                raise ConfigError(f'out_dir must be a path, got {folder!r}')
            check_writable(Path(folder))
        self.folder = None if folder is None else Path(folder)
        self.skipped: list[str] = []
        self._endings, self._overwrite, self._skip = endings, overwrite, skip_existing
        self._names: set[str] = set()
        self._inputs: set[str] = set()

    def todo(self, sources: Iterable[Source]) -> Iterable[Source]:
        """What is left to do: a list of a list, which is looked through before the work starts, else an iterator.

        Raises:
            ConfigError: If two results would be written to one file, there is a file already, or it is an input.
        """
        if self.folder is None:
            return sources
        if not isinstance(sources, list):
            return self._todo(sources)
        self._protect(sources)
        return list(self._todo(sources))

    def _todo(self, sources: Iterable[Source]) -> Iterator[Source]:
        for source in sources:
            self._protect([source])
            files = self._reserve(source.name)
            if self._skip and files and all(file.exists() for file in files):
                self.skipped.append(source.name)
            else:
                yield source

    def _protect(self, sources: Sequence[Source]) -> None:
        self._inputs.update(os.path.realpath(file) for source in sources for file in source.files)

    def _reserve(self, name: str) -> list[Path]:
        """The files of a result, which no other result may have."""
        if name in self._names:
            raise ConfigError(f'{shown(name)}: two inputs of this name would be written to one file: rename one')
        self._names.add(name)
        files = [self.folder / f'{name}{ending}' for ending in self._endings]
        read = next((file for file in files if os.path.realpath(file) in self._inputs), None)
        if read:
            raise ConfigError(f'{shown(read)}: is read, and would be replaced: choose another folder')
        there = next((file for file in files if file.exists()), None)
        if there and not (self._overwrite or self._skip):
            raise ConfigError(
                f'{shown(there)}: exists already: choose another folder, or say overwrite (--overwrite) or '
                'skip_existing (--skip-existing)'
            )
        return files
