"""Files that exist whole or not at all."""

import csv
import io
import json
import os
import uuid
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import torch
from mmengine.fileio import LocalBackend, register_backend

from mmvd.errors import DISK_FULL, ConfigError, SavingError

BACKEND = 'mmvd_atomic'
_BEGINNING = 40  # letters of a name in that of the file aside, which must not be too long where the name itself is not


class AtomicLocalBackend(LocalBackend):
    """Writes aside, syncs, renames: a kill or a full disk leaves the previous file."""

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Write bytes.

        Raises:
            SavingError: If the disk is full or the folder cannot be written; nothing is left behind.
        """
        target = Path(filepath)
        aside = target.with_name(f'.{target.name[:_BEGINNING]}.{uuid.uuid4().hex}.part')
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with aside.open('xb') as file:
                file.write(obj)
                file.flush()
                os.fsync(file.fileno())
            os.replace(aside, target)
            _sync_folder(target.parent)
        except OSError as error:
            remedy = 'free some space' if error.errno in DISK_FULL else 'choose another place'
            raise SavingError(
                f'{target}: could not be written ({error.strerror}); what was saved before is intact: {remedy} and '
                'go on (in training with --resume)'
            ) from error
        finally:
            with suppress(OSError):  # it is in its place; after an error or Ctrl-C there may be no such folder at all
                aside.unlink()


def save_atomically(content: object, path: str | Path) -> None:
    """``torch.save`` that leaves a whole file or none.

    Raises:
        SavingError: If the disk is full, the folder cannot be written, or the name is that of another format.
    """
    if Path(path).suffix == '.safetensors':
        raise SavingError(f'{path}: a torch file is written, give a name that ends in .pth')
    buffer = io.BytesIO()
    torch.save(content, buffer)
    AtomicLocalBackend().put(buffer.getvalue(), path)


def save_png_atomically(image: np.ndarray, path: str | Path) -> None:
    """Write a PNG, whole or not at all.

    Args:
        image: (H, W), or (H, W, 3) in RGB order, uint8 or uint16.
        path: The file.

    Raises:
        SavingError: If the disk is full, the folder cannot be written, or the name is that of another format.
    """
    if Path(path).suffix.lower() != '.png':
        raise SavingError(f'{path}: a PNG is written, give a name that ends in .png')
    _put_other(cv2.imencode('.png', image[..., ::-1] if image.ndim == 3 else image)[1].tobytes(), path)


def save_npy_atomically(array: np.ndarray, path: str | Path) -> None:
    """Write a numpy file, whole or not at all.

    Raises:
        SavingError: If the disk is full or the folder cannot be written.
    """
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    AtomicLocalBackend().put(buffer.getvalue(), path)


def save_json(content: dict | list, path: str | Path) -> None:
    """Write JSON, whole or not at all; makes the folder.

    Raises:
        SavingError: If the disk is full or the folder cannot be written.
    """
    save_text(json.dumps(content, indent=1), path)


def save_text(text: str, path: str | Path) -> None:
    """Write text, whole or not at all; makes the folder.

    Raises:
        SavingError: If the disk is full or the folder cannot be written.
    """
    _put_other(text.encode(), path)


def save_csv(rows: Sequence[dict], path: str | Path) -> None:
    """Write rows as CSV, whole or not at all; makes the folder.

    Args:
        rows: Their keys, in order of appearance, are the columns; what a row lacks stays empty.
        path: The file.

    Raises:
        SavingError: If the disk is full or the folder cannot be written.
    """
    text = io.StringIO(newline='')
    writer = csv.DictWriter(text, dict.fromkeys(key for row in rows for key in row))
    writer.writeheader()
    writer.writerows(rows)
    save_text(text.getvalue(), path)


def check_other(out: str | Path, read: str | Path) -> None:
    """Refuse to write over what is read.

    Raises:
        ConfigError: If both are one file.
    """
    if Path(out).resolve() == Path(read).resolve():
        raise ConfigError(f'{out}: would overwrite what it is made of, choose another name')


def check_writable(folder: Path) -> None:
    """Make a folder.

    Raises:
        ConfigError: If nothing can be written there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f'.writable-{os.getpid()}'
        probe.touch()
        probe.unlink()
    except (OSError, ValueError) as error:
        reason = getattr(error, 'strerror', None) or error
        raise ConfigError(
            f'{folder}: this folder cannot be written ({reason}): choose another one (--work-dir, --out)'
        ) from error


def check_picture(path: Path) -> None:
    """See that a PNG can be written, before it is drawn; makes its folder.

    Raises:
        ConfigError: If it cannot, or the name is that of another format.
    """
    if path.suffix.lower() != '.png':
        raise ConfigError(f'{path}: a PNG is written, give a name that ends in .png')
    check_file(path)


def check_file(path: Path) -> None:
    """See that a file can be written, before the work for it starts; makes its folder.

    Raises:
        ConfigError: If it cannot.
    """
    if path.is_dir():
        raise ConfigError(f'{path}: a folder, where a file is to be written: choose another name')
    check_writable(path.parent)


def check_new(path: Path, overwrite: bool) -> None:
    """See that a file can be written and takes the place of none, before the work for it starts.

    Raises:
        ConfigError: If it cannot, or one is there that is not to be replaced.
    """
    check_file(path)
    if path.exists() and not overwrite:
        raise ConfigError(f'{path}: there is a file of this name already: choose another, or say --overwrite')


def _put_other(content: bytes, path: str | Path) -> None:
    """Write what is not there in the same bytes: the times of files and folders tell indices what has changed."""
    try:
        is_there = Path(path).is_file() and Path(path).read_bytes() == content
    except OSError:
        is_there = False
    if not is_there:
        AtomicLocalBackend().put(content, path)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)  # the rename itself must survive a power cut
    finally:
        os.close(handle)


register_backend(BACKEND, AtomicLocalBackend, force=True)
