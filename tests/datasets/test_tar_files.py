"""Tar files read in place: second names, damage and holes."""

import os
import tarfile

import pytest

from mmvd.datasets import archives
from mmvd.errors import SampleError


def test_tar_files_with_second_names_and_without_an_end(tmp_path):
    (tmp_path / 'a').write_bytes(b'content')
    os.link(tmp_path / 'a', tmp_path / 'b')
    with tarfile.open(tmp_path / 'x.tar', 'w') as packed:
        packed.add(tmp_path / 'a', 'a')
        packed.add(tmp_path / 'b', 'b')
    assert archives.read_bytes(tmp_path / 'x.tar/a') == archives.read_bytes(tmp_path / 'x.tar/b') == b'content'
    listed = archives.open_archive(tmp_path / 'x.tar')
    (tmp_path / 'y.tar').write_bytes((tmp_path / 'x.tar').read_bytes()[:1536])  # at the border of a member
    with pytest.raises(SampleError, match='cannot be read in place'):
        archives.open_archive(tmp_path / 'y.tar')
    os.truncate(tmp_path / 'x.tar', 515)  # cut off after it was listed
    with pytest.raises(OSError, match='damaged in its archive'):
        listed.read('a')


@pytest.mark.parametrize('damage', [b'\0', b'x', None])
def test_tar_files_that_are_damaged_in_their_middle(tmp_path, damage):
    """Python's module lists the files before the damage, and says nothing."""
    with tarfile.open(tmp_path / 'x.tar', 'w', format=tarfile.USTAR_FORMAT) as packed:
        for name in 'abc':
            (tmp_path / name).write_text(name)
            packed.add(tmp_path / name, name)
    whole = (tmp_path / 'x.tar').read_bytes()
    assert list(archives.open_archive(tmp_path / 'x.tar').names()) == ['a', 'b', 'c']
    cut = whole[:1024] + (bytes(30_720) if damage is None else damage * 512 + whole[1536:])  # None: never filled
    (tmp_path / 'y.tar').write_bytes(cut)
    with pytest.raises(SampleError, match='its end is missing, or it is damaged at byte 1024'):
        archives.open_archive(tmp_path / 'y.tar')


def test_tar_without_its_zeros_is_told(tmp_path):
    with tarfile.open(tmp_path / 'x.tar', 'w') as packed:
        member = tarfile.TarInfo('a.png')
        member.type = tarfile.GNUTYPE_SPARSE
        packed.addfile(member)
    with pytest.raises(SampleError, match='a.png is stored without its zeros'):
        archives.open_archive(tmp_path / 'x.tar')


def test_a_tar_file_that_leads_back_is_no_endless_one(tmp_path):
    header = bytearray(tarfile.TarInfo('a.png').tobuf(tarfile.GNU_FORMAT))
    header[124:136] = b'-0000001000\0'
    header[148:156] = b'%06o\0 ' % (256 + sum(header[:148]) + sum(header[156:]))
    (tmp_path / 'x.tar').write_bytes(bytes(header) + bytes(10_240))
    with pytest.raises(SampleError, match='a.png has a size of -512 bytes'):
        archives.open_archive(tmp_path / 'x.tar')
