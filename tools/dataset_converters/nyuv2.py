#!/usr/bin/env python3
"""NYUv2: the labelled .mat file to images, millimetre depth, label maps of 40 classes and lists with scene names.

Put nyu_depth_v2_labeled.mat, splits.mat and classMapping40.mat into one folder (default: MMVD_DATA/nyuv2), then run
this. It writes there, or with --depth filled into NAME_filled beside it,
{train,test}/{images/NNNN_rgb.png,depth/NNNN_depth.png,masks/NNNN_mask.png} (labels: 0 = none, 1 to 40) and
scenes_{train,test}.txt.
"""

import argparse
import os
import sys
from pathlib import Path

import numpy as np
from matlab import open_hdf5, read_mat
from tqdm import tqdm
from verify import verify_root

import mmvd  # noqa: F401
from mmvd.apis.configs import data_folder
from mmvd.datasets.decoders import to_millimetres
from mmvd.errors import MissingInputsError, SampleError, exit_code
from mmvd.saving import save_png_atomically, save_text

LABELED, SPLITS, MAPPING = 'nyu_depth_v2_labeled.mat', 'splits.mat', 'classMapping40.mat'


def _text(file, reference) -> str:
    return ''.join(map(chr, np.asarray(file[reference]).ravel()))


def folder_of(root: Path, depth: str) -> Path:
    """Where the files of a kind of depth go: no folder holds both."""
    root = Path(os.path.abspath(root))  # whose name counts, also where it is a link
    return root if depth == 'raw' else root.with_name(f'{root.name}_filled')


def read_splits(path: Path) -> dict[str, list[int]]:
    """Numbers of the frames of each split, from 1.

    Raises:
        SampleError: If the file is damaged, or a frame is in it twice.
    """
    found = {split: read_mat(path, f'{split}Ndxs') for split in ('train', 'test')}
    every = np.concatenate(list(found.values()))
    whole = every.dtype.kind in 'iuf' and (every == np.rint(every)).all() and (every >= 1).all()
    if not whole or len(np.unique(every)) < len(every):
        raise SampleError(f'{path}: frames are whole numbers from 1, each of one split: it is another version')
    return {split: numbers.astype(int).tolist() for split, numbers in found.items()}


def check_foreign(out: Path, numbers: dict[str, list[int]]) -> None:
    """See that no frames of another division are there, which would be read as well.

    Raises:
        SampleError: If there are some.
    """
    for split, own in numbers.items():
        there = {path.name for path in (out / split / 'images').glob('*_rgb.png')}
        foreign = sorted(there - {f'{number:04d}_rgb.png' for number in own})
        if foreign:
            raise SampleError(
                f'{out / split}/images/{foreign[0]}: {len(foreign)} frames there are not of this split by {SPLITS}: '
                f'delete {out / split} and convert again'
            )


def convert(root: Path, depth: str) -> dict[str, int]:
    """Write files and lists; returns the number of frames per split."""
    out = folder_of(root, depth)
    for name in (LABELED, SPLITS, MAPPING):
        if not (root / name).is_file():
            raise MissingInputsError(f'{root / name}: no such file, put {LABELED}, {SPLITS} and {MAPPING} into {root}')
    numbers = read_splits(root / SPLITS)
    check_foreign(out, numbers)
    table = np.concatenate(([0], read_mat(root / MAPPING, 'mapClass'))).astype(np.uint8)  # 0 = no label stays 0
    scenes = dict(train=[], test=[])
    with open_hdf5(root / LABELED) as file:
        for split in scenes:
            for number in tqdm(numbers[split], f'NYUv2 {split}'):
                if number > len(file['images']):
                    raise SampleError(
                        f'{root / SPLITS}: names frame {number}, {LABELED} has {len(file["images"])}: one of them is '
                        'another version'
                    )
                names = [
                    f'{split}/{folder}/{number:04d}_{kind}.png'
                    for folder, kind in (('images', 'rgb'), ('depth', 'depth'), ('masks', 'mask'))
                ]
                image = file['images'][number - 1].transpose(2, 1, 0)  # MATLAB's arrays are column by column
                metres = file['rawDepths' if depth == 'raw' else 'depths'][number - 1].T
                labels = file['labels'][number - 1].T
                if labels.max() >= len(table):
                    raise SampleError(
                        f'{root / MAPPING}: knows {len(table) - 1} labels, frame {number} of {LABELED} has '
                        f'{labels.max()}: one of them is another version'
                    )
                save_png_atomically(image, out / names[0])
                save_png_atomically(to_millimetres(metres), out / names[1])
                save_png_atomically(table[labels], out / names[2])
                scenes[split].append(f'{names[0]} {names[1]} {_text(file, file["sceneTypes"][0][number - 1])}')
    for split, rows in scenes.items():
        save_text('\n'.join(rows) + '\n', out / f'scenes_{split}.txt')
    return {split: len(rows) for split, rows in scenes.items()}


def main() -> int:
    """Parse the command line and convert or verify; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('root', nargs='?', type=Path, default=data_folder() / 'nyuv2')
    parser.add_argument(
        '--depth',
        choices=('raw', 'filled'),
        default='raw',
        help="the sensor's depth, or the one filled in by its authors",
    )
    parser.add_argument(
        '--verify', action='store_true', help='tell what is there instead (official: 795 train, 654 test)'
    )
    args = parser.parse_args()
    if args.verify:
        return exit_code(lambda: verify_root('nyuv2', folder_of(args.root, args.depth)))
    return exit_code(lambda: print(convert(args.root, args.depth)))


if __name__ == '__main__':
    sys.exit(main())
