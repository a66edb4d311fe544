"""Where the results of an inferencer go: what is there already is kept, replaced or refused, never by accident."""

import os
from collections.abc import Iterable, Sequence
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
        skip_existing: Whether inputs whose files are all there are passed over.
        skipped: Takes the names of these.

    Attributes:
        folder: As a path.

    Raises:
        ConfigError: If the folder is no path or cannot be written, or results that are nowhere are to be passed over.
    """

    def __init__(
        self,
        folder: str | Path | None,
        endings: Sequence[str],
        overwrite: bool,
        skip_existing: bool,
        skipped: list | None = None,
    ):
        if folder is None and skip_existing:
            raise ConfigError('skip_existing: give out_dir, the folder in which results are there already')
        if folder is not None:
            if not isinstance(folder, (str, Path)):
                raise ConfigError(f'out_dir must be a path, got {folder!r}')
            check_writable(Path(folder))
        self.folder = None if folder is None else Path(folder)
        self._skipped = [] if skipped is None else skipped
        self._endings, self._overwrite, self._skip_existing = endings, overwrite, skip_existing
        self._names: set[str] = set()
        self._inputs: set[str] = set()

    def todo(self, sources: Iterable[Source]) -> Iterable[Source]:
        """What is left to do: a list of a list, which is looked through before the work starts, else an iterator.

        Raises:
            ConfigError: If two results would be written to one file, there is a file already, or it is an input.
        """
        if self.folder is None:
            return sources
        protected = map(self._protect, sources)
        if isinstance(sources, list):
            return list(filter(self._is_wanted, list(protected)))  # no result may replace a later input
        return filter(self._is_wanted, protected)

    def _protect(self, source: Source) -> Source:
        self._inputs.update(map(os.path.realpath, source.files))
        return source

    def _is_wanted(self, source: Source) -> bool:
        files = self._reserve(source.name)
        there = [file for file in files if os.path.exists(file)]  # also where a name is too long
        if self._skip_existing and files and there == files:
            self._skipped.append(source.name)
            return False
        if there and not self._overwrite:
            # with skip_existing, too: what lies there alone may be a camera's own NAME_depth.png
            told = 'exists without the rest of its result' if self._skip_existing else 'exists already'
            raise ConfigError(
                f'{shown(there[0])}: {told}: choose another folder, or say overwrite (--overwrite); skip_existing '
                '(--skip-existing) keeps results that are whole'
            )
        return True

    def _reserve(self, name: str) -> list[Path]:
        """The files of a result, which no other result may have."""
        if name in self._names:
            raise ConfigError(f'{shown(name)}: two inputs of this name would be written to one file: rename one')
        self._names.add(name)
        files = [self.folder / f'{name}{ending}' for ending in self._endings]
        read = next((file for file in files if os.path.realpath(file) in self._inputs), None)
        if read:
            raise ConfigError(f'{shown(read)}: is read, and would be replaced: choose another folder')
        return files
