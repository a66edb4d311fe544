"""Whether the files of a dataset are there: told by its first samples, without listing all."""

import re
from collections.abc import Iterable, Sequence
from itertools import chain, islice
from pathlib import Path

from mmvd.errors import Missing, SampleError

from .archives import ENDINGS, archives_in, is_file, located, open_archive
from .nesting import steps_in
from .walk import is_deeper, some_of, walk

_FOLDERS, _EACH = 100, 20  # that are looked at, and images of each
MOST = _FOLDERS * _EACH
_TO_UNPACK = ('.tar.gz', '.tgz', '.tar.bz2', '.tar.xz', '.7z', '.rar')  # no place in them can be gone to at once


def missing_of_folder(root: Path, config: dict) -> Missing | None:
    """What a dataset in folders lacks.

    Args:
        root: Folder of the dataset.
        config: Arguments of :class:`mmvd.datasets.RGBDDataset`, those of a layout among them.
    """
    problems: list[str] = []
    names = some_of(walk(root, config['images'], config.get('exclude'), problems=problems), _FOLDERS, _EACH)
    first = next(names, None)
    if first is None:
        return Missing(str(root), problems[0]) if problems else no_files(root, config['images'])
    needs = ([] if may_lack_depth(config) else ['depth_from']) + ['labels_from', 'camera_from', 'truth_from']
    rules = [config[key] for key in needs if config.get(key)]
    return first_gone(root, ((name, [re.sub(*rule, name) for rule in rules]) for name in chain([first], names)))


def may_lack_depth(config: dict) -> bool:
    """Whether the pipeline of a dataset takes images without depth."""
    return any(step.get('allow_missing_depth') for step in steps_in(config.get('pipeline')))


def _is_to_unpack(path: Path) -> bool:
    name = path.name.lower()
    return name.endswith(_TO_UNPACK) or (name.endswith(ENDINGS) and len(path.parts) > 1)


def place_of(root: Path, name: str) -> tuple[Path, str]:
    """Where a file lies that may be nowhere, and what is wrong with an archive that may hold it; mostly nothing."""
    try:
        return located(root, name), ''
    except SampleError as error:
        return root / name, str(error)


def first_gone(root: Path, samples: Iterable[tuple[str, Sequence[str]]]) -> Missing | None:
    """What the first of some samples lacks, if none of them has all its files.

    Args:
        root: Folder of the dataset.
        samples: Names of samples, each with the relative paths of its files; one that lacks a file does not speak for
            its dataset.
    """
    lacking = None
    for name, files in samples:
        gone = next((path for path in files if not is_file(located(root, path))), None)
        if gone is None:
            return None
        lacking = lacking or Missing(str(root / gone), f'no such file, for {name}')
    return lacking


def no_files(root: Path, images: str) -> Missing:
    """That a glob finds no files below a folder, and what may hold them there but is not read in place."""
    inside = [path.relative_to(root) for path in islice(root.rglob('*'), MOST)]
    globs = images.split('/')
    deeper = next((path.parts[: -len(globs)] for path in inside if is_deeper(path.parts, globs)), None)
    packed = min((path.as_posix() for path in inside if _is_to_unpack(path)), default=None)
    read = next(((path.name, next(open_archive(path).names(), 'nothing')) for path in archives_in(root)), None)
    hint = f'; {packed} is not read in place: unpack it' if packed else ''
    hint += f'; {read[0]} holds {read[1]}' if read else ''
    if deeper:
        hint = f'; such files lie below {"/".join(deeper)}/ in it: name that folder, or move them up'
    return Missing(str(root / images), f'no such files{hint}')
