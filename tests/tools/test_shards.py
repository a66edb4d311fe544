"""Tar shards in the layout of WebDataset: the samples of the dataset that was packed, read in any order."""

import importlib
import io
import json
import os
import shutil
import tarfile

import numpy as np
import pytest

from mmvd.apis.preparation import paper_datasets
from mmvd.datasets.index import IndexedEntries
from mmvd.datasets.journal import Journal
from mmvd.errors import MissingInputsError, SampleError, SavingError
from mmvd.registry import DATASETS
from tests.commands import script
from tests.conftest import ROOT
from tests.fabricate import fabricate_bop, fabricate_classes

LOAD = [dict(type='mmvd.LoadImage'), dict(type='mmvd.LoadDepth')]


def shards(*arguments):
    return script('dataset_converters/shards', *arguments)


def test_the_same_samples(tmp_path, monkeypatch):
    monkeypatch.setenv('MMVD_DATA', str(tmp_path))
    fabricate_bop(tmp_path / 'lm/test/000001', 5)
    done = shards('lm', tmp_path / 'out', '--samples-per-shard', 2)
    assert done.returncode == 0 and '5 samples' in done.stdout, done.stderr
    assert sorted(path.name for path in (tmp_path / 'out').glob('*.tar')) == [f'00000{i}.tar' for i in range(3)]
    plain = DATASETS.build(dict(paper_datasets()['lm'], pipeline=LOAD))
    packed = DATASETS.build(dict(type='mmvd.ShardDataset', data_root=str(tmp_path / 'out'), pipeline=LOAD))
    assert isinstance(packed.data_list, IndexedEntries) and len(packed) == 5
    for number in (4, 0, 2):
        for key in ('img', 'depth', 'intrinsics', 'depth_scale'):
            np.testing.assert_array_equal(packed[number][key], plain[number][key])
    (tmp_path / 'out/000001.tar').unlink()  # as if it had been interrupted
    before = (tmp_path / 'out/000000.tar').stat().st_mtime_ns
    assert shards('lm', tmp_path / 'out', '--samples-per-shard', 2).returncode == 0
    assert (tmp_path / 'out/000001.tar').is_file() and (tmp_path / 'out/000000.tar').stat().st_mtime_ns == before
    whole = (tmp_path / 'out/000001.tar').read_bytes()
    with tarfile.open(tmp_path / 'out/000001.tar') as packed:
        second = packed.getmembers()[3].offset
    for part in (
        b'',
        whole[: len(whole) // 2],
        whole[:second] + bytes(512) + whole[second + 512 :],
    ):  # the last: a hole
        (tmp_path / 'out/000001.tar').write_bytes(part)
        mended = shards('lm', tmp_path / 'out', '--samples-per-shard', 2)
        assert mended.returncode == 0 and 'written anew: ' in mended.stderr and '000001.tar' in mended.stderr
        assert (tmp_path / 'out/000001.tar').read_bytes() == whole
    depth = tmp_path / 'lm/test/000001/depth/000003.png'
    os.utime(depth, ns=(1, 1))  # written anew
    other = shards('lm', tmp_path / 'out', '--samples-per-shard', 2)
    assert other.returncode == 2 and 'differ in files: choose another folder' in other.stderr
    shutil.rmtree(tmp_path / 'out')
    assert shards('lm', tmp_path / 'out', '--samples-per-shard', 2).returncode == 0
    with Journal(tmp_path / 'out/.mmvd/packing'):
        busy = shards('lm', tmp_path / 'out', '--samples-per-shard', 2)
    assert busy.returncode == 2 and 'another process is at the same work' in busy.stderr
    fabricate_bop(tmp_path / 'tless/train_primesense/000001', 5)
    for name, count in (('lm', 3), ('tless', 2)):
        other = shards(name, tmp_path / 'out', '--samples-per-shard', count)
        assert other.returncode == 2 and 'choose another folder' in other.stderr


@pytest.mark.parametrize('content', ['{', '[]', '{"decoder": "mm16"}'])
def test_a_damaged_plan_is_one_line(tmp_path, monkeypatch, content):
    monkeypatch.setenv('MMVD_DATA', str(tmp_path))
    fabricate_bop(tmp_path / 'lm/test/000001', 2)
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out/shards.json').write_text(content)
    done = shards('lm', tmp_path / 'out')
    assert done.returncode == 2 and 'shards.json: not written by' in done.stderr and 'delete it' in done.stderr


def test_shards_that_are_finished_are_left_alone_and_wrong_ones_mended(tmp_path, monkeypatch):
    monkeypatch.setenv('MMVD_DATA', str(tmp_path))
    fabricate_bop(tmp_path / 'lm/test/000001', 5)
    words, out = ('lm', tmp_path / 'out', '--samples-per-shard', 2), tmp_path / 'out'
    assert shards(*words).returncode == 0

    def files() -> dict:
        return {path.name: path.stat().st_mtime_ns for path in out.rglob('*') if path.is_file()}

    whole, before = {path.name: path.read_bytes() for path in out.glob('*.tar')}, files()
    again = shards(*words)
    assert again.returncode == 0 and files() == before and 'has changed since' not in again.stderr, again.stderr
    os.replace(out / '000000.tar', tmp_path / 'aside.tar')
    os.replace(out / '000001.tar', out / '000000.tar')
    os.replace(tmp_path / 'aside.tar', out / '000001.tar')
    mended = shards(*words)
    assert mended.returncode == 0 and mended.stderr.count(': holds other samples') == 2
    with tarfile.open(out / '000002.tar', 'w'):  # whole, but without its sample
        pass
    assert shards(*words).returncode == 0
    assert {path.name: path.read_bytes() for path in out.glob('*.tar')} == whole


def test_the_library_reads_them(tmp_path, monkeypatch):
    webdataset = pytest.importorskip('webdataset')
    monkeypatch.setenv('MMVD_DATA', str(tmp_path))
    fabricate_classes(tmp_path / 'mvip', 'mvip')
    assert shards('mvip', tmp_path / 'out').returncode == 0
    found = list(webdataset.WebDataset(str(tmp_path / 'out/000000.tar'), shardshuffle=False))
    packed = DATASETS.build(dict(type='mmvd.ShardDataset', data_root=str(tmp_path / 'out'), pipeline=LOAD))
    assert len(found) == len(packed) == 4 and packed.metainfo['classes'] == ['first', 'second']
    for number, sample in enumerate(found):
        assert json.loads(sample['json'])['gt_label'] == packed[number]['gt_label']
        assert sample['depth.png'] and sample['img.png']


def test_shards_of_a_dataset_in_itself_are_refused(tmp_path):
    fabricate_bop(tmp_path / 'lm/test/000001', 2)
    for out in ('lm', 'lm/out'):
        done = shards('lm', tmp_path / out, '--root', tmp_path / 'lm')
        assert done.returncode == 2 and 'lies in the dataset itself' in done.stderr, done.stderr


def test_a_full_disk_is_told_with_the_shard(tmp_path, monkeypatch):
    def full(writer, sample):
        raise OSError(28, 'No space left on device')

    monkeypatch.syspath_prepend(ROOT / 'tools/dataset_converters')  # it stands beside what it imports
    pack = importlib.import_module('shards').pack
    fabricate_bop(tmp_path / 'lm/test/000001', 2)
    settings = dict(paper_datasets()['lm'], data_root=str(tmp_path / 'lm'))
    with monkeypatch.context() as patch, pytest.raises(SavingError, match='000000.tar: could not be written .No space'):
        patch.setattr('webdataset.TarWriter.write', full)
        pack(settings, tmp_path / 'out')
    assert not list((tmp_path / 'out').glob('*.part'))
    pack(settings, tmp_path / 'out')
    assert (tmp_path / 'out/000000.tar').is_file()


def test_missing_and_damaged_shards_are_named(tmp_path, monkeypatch):
    settings = dict(type='mmvd.ShardDataset', data_root=str(tmp_path), pipeline=[])
    with pytest.raises(MissingInputsError, match='written when all shards are'):
        DATASETS.build(settings)
    assert 'shards.json (no such file)' in str(DATASETS.get('ShardDataset').missing(settings))
    whole = '{"decoder": "mm16", "metainfo": {}, "samples": 2}'
    for content in ('{"decoder": "mm16"}', '[' * 100_000, whole.replace('{}', '3'), whole.replace('mm16', 'mm17')):
        (tmp_path / 'shards.json').write_text(content)
        with pytest.raises(SampleError, match='shards.json: not written by'):
            DATASETS.build(settings)
    (tmp_path / 'shards.json').write_text(whole)
    with pytest.raises(MissingInputsError, match='0 samples where shards.json tells of 2: a shard is missing'):
        DATASETS.build(settings)
    cameras = ['wide', [1, 2], [[9, 0, float('nan')], [0, 9, 1], [0, 0, 1]], [[10**400, 0, 1], [0, 9, 1], [0, 0, 1]]]
    entries = [('0.json', json.dumps(dict(intrinsics=camera)).encode()) for camera in cameras]
    for name, content in (('README', b'x'), ('0.json', b'[1]'), *entries):
        with tarfile.open(tmp_path / '000000.tar', 'w') as packed:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            packed.addfile(member, io.BytesIO(content))
        with pytest.raises(SampleError, match='000000.tar: a sample without a readable entry'):
            DATASETS.build(settings)
    with tarfile.open(tmp_path / '000000.tar', 'w') as packed:
        for number in range(3):  # one is left over from another packing
            member = tarfile.TarInfo(f'{number}.json')
            member.size = 2
            packed.addfile(member, io.BytesIO(b'{}'))
    with pytest.raises(MissingInputsError, match='3 samples where shards.json tells of 2'):
        DATASETS.build(settings)
    (tmp_path / '000000.tar').write_bytes(bytes(100) + b'x' * 1000)
    with pytest.raises(SampleError, match='000000.tar: an archive that cannot be read in place'):
        DATASETS.build(settings)
