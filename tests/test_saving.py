"""Text and rows are written whole or not at all."""

import csv
import os

import numpy as np
import pytest

from mmvd.errors import SavingError
from mmvd.saving import save_atomically, save_csv, save_png_atomically, save_text


def test_rows_are_read_back(tmp_path):
    path, rows = tmp_path / 'new/rows.csv', [dict(a='x, "y"\nz', b=1.5), dict(b=0, c='ä')]
    save_csv(rows, path)
    with path.open(newline='', encoding='utf-8') as file:
        read = list(csv.DictReader(file))
    assert read == [dict(a='x, "y"\nz', b='1.5', c=''), dict(a='', b='0', c='ä')]


def test_a_torch_file_does_not_get_the_name_of_another_format(tmp_path):
    with pytest.raises(SavingError, match='a.safetensors: a torch file is written, give a name that ends in .pth'):
        save_atomically({}, tmp_path / 'a.safetensors')
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_written_leaves_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / 'train.txt'
    save_text('a\nb\n', path)

    def full(*_):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(os, 'fsync', full)
    with pytest.raises(SavingError, match='train.txt: could not be written'):
        save_text('a\n', path)
    assert path.read_text() == 'a\nb\n' and os.listdir(tmp_path) == ['train.txt']


def test_what_is_there_in_the_same_bytes_is_left_alone(tmp_path):
    """Times of files and folders tell an index that something has changed."""
    image = np.arange(12, dtype=np.uint16).reshape(3, 4)

    def save():
        save_text('a\n', tmp_path / 'a.txt')
        save_png_atomically(image, tmp_path / 'a.png')
        return [path.stat().st_mtime_ns for path in (tmp_path, *sorted(tmp_path.iterdir()))]

    save()
    for path in (tmp_path / 'a.txt', tmp_path / 'a.png', tmp_path):
        os.utime(path, ns=(10**9, 10**9))
    assert save() == [10**9] * 3
    image[0, 0] = 99
    assert save()[1] > 10**9
