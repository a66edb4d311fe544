"""Errors a user can mend: each is one line that names the file or key at fault and the remedy."""

import errno
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
_INTERRUPTED = 130  # as a shell says it


class MMVDError(Exception):
    """Base class of all errors of this project."""


class MissingInputsError(MMVDError):
    """Datasets or weights that a config asks for are not in place."""


@dataclass(frozen=True)
class Missing:
    """One thing that is not in place; as text, a line for people.

    Args:
        place: A path, or the name of a package.
        why: How it is missing.
        made_by: Who makes it, if that is known.
        needed_by: The part of a config that asks for it.
    """

    place: str
    why: str = 'no such file'
    made_by: str = ''
    needed_by: str = ''

    def __str__(self) -> str:
        needed_by = self.needed_by and f'{self.needed_by}: '
        made_by = self.made_by and f'; made by: {self.made_by}'
        return f'{needed_by}{self.place} ({self.why}){made_by}'


class DepthFileError(MMVDError):
    """A depth file is missing, truncated or not what its decoder expects."""


class SampleError(MMVDError):
    """A sample is inconsistent, or too many samples hold too little depth."""


class TooLittleDepthError(SampleError):
    """The sample cannot teach anything; ``mmvd.EvenMixture`` draws another one and counts."""


class WeightsError(MMVDError):
    """A weights file is missing, unsafe or fits nothing."""


class ConfigError(MMVDError):
    """A config asks for something that cannot work."""


class MemoryLimitError(MMVDError):
    """Images do not fit into memory."""


class SavingError(MMVDError):
    """Something could not be saved; what was saved before is intact."""


class Interrupted(MMVDError):
    """The run was asked to stop and can be resumed."""


@contextmanager
def config_errors(name: str) -> Iterator[None]:
    """What a function of ``mmvd.ops`` says of its arguments, where these come from the config of ``name``.

    Raises:
        ConfigError: Instead of ValueError.
    """
    try:
        yield
    except (ValueError, TypeError, OverflowError) as error:
        raise ConfigError(f'{name}: {error}') from error


@contextmanager
def needs(what: str, extra: str) -> Iterator[None]:
    """Around the import of packages that an extra of mmvd brings.

    Raises:
        ConfigError: If one is not installed.
    """
    try:
        yield
    except ImportError as error:
        raise ConfigError(f"{what} cannot do without an extra ({error}): pip install 'mmvd[{extra}]'") from error


def describe(error: MMVDError) -> str:
    """What to tell the user; of an error in a loader's worker process its message without the worker's traceback."""
    name, text = type(error).__name__, str(error).strip()
    if text.startswith('Caught '):
        text = text.splitlines()[-1].removeprefix(f'{type(error).__module__}.{name}: ')
    return f'{name}: {text}'


def exit_code(action: Callable[[], int | None]) -> int:
    """Run the work of a command.

    Its exit code, 2 after one line on stderr about what the user can mend (a full disk too), or 130 after Ctrl-C.
    """
    try:
        return action() or 0
    except MMVDError as error:
        print(describe(error), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print('interrupted', file=sys.stderr)
        return _INTERRUPTED
    except OSError as error:
        if error.errno not in DISK_FULL:
            raise
        print(
            f'SavingError: {error.filename or "a file"} could not be written ({error.strerror}); what was saved before '
            'is intact: free some space and go on (in training with --resume)',
            file=sys.stderr,
        )
        return 2
