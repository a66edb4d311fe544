"""What a long run has done so far, so that the next one goes on from there."""

import fcntl
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mmvd.errors import SavingError


class Journal(dict):
    """Answers by key, of which each is on disk as soon as it is known.

    As a context it deletes its file when the work is done, and leaves it when the work is interrupted.

    Args:
        path: File of one ``[key, answer]`` a line.
        about: What the answers depend on; with something else the journal begins anew.
        progress: Called after each new answer.
        remedy: What to do where the file cannot be written.

    Raises:
        SavingError: If the file cannot be written.
    """

    def __init__(
        self,
        path: Path,
        about: str = '',
        progress: Callable[[], object] = lambda: None,
        remedy: str = 'set MMVD_INDEX to a folder that can be',
    ):
        super().__init__()
        self.path, self._progress, self._remedy = path, progress, remedy
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open('a+b', buffering=0)
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._file.truncate(self._read(about))
        except BlockingIOError as error:
            raise SavingError(f'{path}: another process is at the same work: wait until it is done') from error
        except OSError as error:
            raise self._unwritten(error) from error
        self['about'] = about

    def _read(self, about: str) -> int:
        """Take what was written before about the same; returns how many bytes of it are whole."""
        whole = self._file.seek(0)
        for line in self._file.read().splitlines(keepends=True):
            try:
                key, answer = json.loads(line) if line.endswith(b'\n') else None
            except (TypeError, ValueError):
                break  # cut off in the middle
            if not whole and [key, answer] != ['about', about]:
                break
            super().__setitem__(key, answer)
            whole += len(line)
        return whole

    def __setitem__(self, key: str, answer: Any) -> None:
        if key not in self:
            super().__setitem__(key, answer)
            try:
                self._file.write(f'{json.dumps([key, answer])}\n'.encode())
            except OSError as error:
                raise self._unwritten(error) from error
            self._progress()

    def _unwritten(self, error: OSError) -> SavingError:
        return SavingError(f'{self.path}: could not be written ({error.strerror}): {self._remedy}')

    def __enter__(self) -> 'Journal':
        return self

    def __exit__(self, kind: type | None, *rest: Any) -> None:
        self._file.close()
        if kind is None:
            self.path.unlink(missing_ok=True)
