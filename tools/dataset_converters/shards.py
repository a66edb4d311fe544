#!/usr/bin/env python3
"""Pack a dataset into tar shards in the layout of WebDataset, for file systems on which many small files are slow.

Files are copied byte by byte. Whole shards that are there already are left alone, so that it can be interrupted and
repeated, which mends shards that were cut off, too.
Then: dict(type='mmvd.ShardDataset', data_root=OUT).
"""

import argparse
import hashlib
import json
import os
import sys
from pathlib import Path

import numpy as np
from mmengine.config import Config
from prepare import folder_of, prepare
from tqdm import tqdm

import mmvd  # noqa: F401  first: it arms the operator stand-ins
from mmvd.apis.preparation import paper_datasets
from mmvd.arguments import check_int
from mmvd.datasets.archives import changed_ns, open_archive, read_bytes
from mmvd.datasets.index import listing_of
from mmvd.datasets.journal import Journal
from mmvd.datasets.rgbd_dataset import RGBDDataset
from mmvd.datasets.shard_dataset import ABOUT, read_about
from mmvd.datasets.tables import FOLDER
from mmvd.errors import ConfigError, SampleError, SavingError, exit_code, needs
from mmvd.registry import DATASETS
from mmvd.saving import AtomicLocalBackend

_SUFFIX = '_path'
_KEY = '{:09d}'.format  # of a sample, by its number


def main() -> int:
    """Parse the command line and pack; returns the exit code."""
    datasets = paper_datasets()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('name', choices=sorted(datasets))
    parser.add_argument('out', type=Path)
    parser.add_argument('--root', type=Path, help='its folder; below MMVD_DATA (default data/) by default')
    parser.add_argument('--samples-per-shard', type=int, default=1000)
    args = parser.parse_args()
    settings = dict(datasets[args.name], **({'data_root': folder_of(args.root)} if args.root else {}))
    return exit_code(lambda: pack(settings, args.out, args.samples_per_shard))


def pack(settings: dict | Config, out: Path, samples_per_shard: int = 1000) -> None:
    """Write the shards, and their index.

    Raises:
        ConfigError: If there are shards of another size or of another dataset.
        SampleError: If a file of a sample is missing, or what is written beside shards is damaged.
        SavingError: If another process packs there, or nothing can be written.
    """
    count = check_int('shards', '--samples-per-shard', samples_per_shard)
    dataset = DATASETS.build(dict(settings, pipeline=[]))
    root = Path(dataset.data_root).resolve()
    if root in (out.resolve(), *out.resolve().parents):
        raise ConfigError(f'{out}: lies in the dataset itself, {root}: choose a folder outside of it')
    about = dict(
        dataset=listing_of(dataset.settings),
        decoder=dataset.decoder,
        metainfo=dict(dataset.metainfo),
        samples=len(dataset),
        samples_per_shard=count,
        files=digest_of(dataset),
    )
    plan, done = out / f'.{ABOUT}', out / ABOUT
    before = next((read_about(path) for path in (done, plan) if path.is_file()), None)
    about = json.loads(json.dumps(about, default=str))
    other = [key for key in about if before is not None and before.get(key) != about[key]]
    if other:
        raise ConfigError(f'{out}: its shards are of samples that differ in {", ".join(other)}: choose another folder')
    if not done.is_file():
        AtomicLocalBackend().put(json.dumps(about).encode(), plan)
    # nobody else; in the folder itself it would age the index
    with Journal(out / FOLDER / 'packing', remedy='choose another folder'):
        for number in tqdm(range(-(-len(dataset) // count)), 'shards'):
            path, held = out / f'{number:06d}.tar', range(number * count, min((number + 1) * count, len(dataset)))
            if not _is_whole(path, held):
                _write_shard(dataset, held, path)
        if plan.is_file():
            os.replace(plan, done)
    prepare(dict(type='mmvd.ShardDataset', data_root=str(out)))


def digest_of(dataset: RGBDDataset) -> str:
    """A digest of all samples in their order: their names and entries, and when their files were written."""
    digest = hashlib.blake2b(digest_size=16)
    for number in tqdm(range(len(dataset)), 'samples'):
        paths, entry = _parts(dataset, number)
        files = {part: (os.path.relpath(path, dataset.data_root), changed_ns(path)) for part, path in paths.items()}
        digest.update(json.dumps([files, entry]).encode())
    return digest.hexdigest()


def _is_whole(path: Path, numbers: range) -> bool:
    if not path.is_file():
        return False
    try:
        if {name.partition('.')[0] for name in open_archive(path).names()} == {_KEY(number) for number in numbers}:
            return True
        problem = f'{path}: holds other samples'
    except SampleError as error:
        problem = str(error)
    print(f'written anew: {problem}', file=sys.stderr)
    return False


def _write_shard(dataset: RGBDDataset, numbers: range, path: Path) -> None:
    with needs('shards', 'data'):
        import webdataset

    aside = path.with_suffix('.part')
    try:
        with open(aside, 'wb') as file, webdataset.TarWriter(file, encoder=False, mtime=0) as writer:
            for number in numbers:
                writer.write(_sample(dataset, number))
        os.replace(aside, path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise SavingError(
            f'{path}: could not be written ({error.strerror}): free some space, and the same command goes on'
        ) from error


def _parts(dataset: RGBDDataset, number: int) -> tuple[dict[str, Path], dict[str, object]]:
    """Files of a sample by part, and what else its entry says, as JSON can hold it."""
    entry = dataset.get_data_info(number)
    paths = {key.removesuffix(_SUFFIX): Path(entry.pop(key)) for key in list(entry) if key.endswith(_SUFFIX)}
    plain = {key: value.tolist() if isinstance(value, np.ndarray) else value for key, value in entry.items()}
    plain.pop('sample_idx', None)
    return paths, plain


def _sample(dataset: RGBDDataset, number: int) -> dict[str, object]:
    """Names and bytes of the files of a sample, and its entry."""
    paths, plain = _parts(dataset, number)
    try:
        files = {f'{part}{path.suffix.lower()}': read_bytes(path) for part, path in paths.items()}
    except OSError as error:
        raise SampleError(
            f'{error.filename or plain}: cannot be packed ({error.strerror or error}): prepare.py NAME --verify names '
            'all such samples'
        ) from error
    return {'__key__': _KEY(number), 'json': json.dumps(plain).encode(), **files}


if __name__ == '__main__':
    sys.exit(main())
