"""Text and rows are written whole or not at all."""

import csv
import os

import pytest

from mmvd.errors import SavingError
from mmvd.saving import save_atomically, save_csv, save_text


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
