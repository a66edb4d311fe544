#!/usr/bin/env python3
"""SUN RGB-D: label maps of 37 classes, lists of the official split, and lists with scene names.

Unpack the official SUNRGBD.zip and SUNRGBDtoolbox.zip into one folder (default: MMVD_DATA/sunrgbd), then run this. It
writes there labels/NNNNN.png (0 = no label, 1 to 37), {train,test}.txt (image, depth, label) and
scenes_{train,test}.txt (image, depth, scene).
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
from mmvd.errors import MissingInputsError, SampleError, exit_code
from mmvd.saving import check_writable, save_png_atomically, save_text

META, LABELS = 'SUNRGBDtoolbox/Metadata/SUNRGBDMeta.mat', 'SUNRGBDtoolbox/Metadata/SUNRGBD2Dseg.mat'
SPLIT = 'SUNRGBDtoolbox/traintestSUNRGBD/allsplit.mat'
_CLASSES = 37
_MARK = 'SUNRGBD'  # paths in the toolbox are those of its authors' machine; what counts begins here


def relative(path: str, source: Path) -> str:
    """Path below the unpacked folder, without what is doubled in it.

    Raises:
        SampleError: If what ``source`` holds is no path of SUN RGB-D.
    """
    parts = [part for part in path.split('/') if part]
    if _MARK not in parts:
        raise SampleError(f'{source}: {path} has no folder {_MARK}: the toolbox is another version')
    return '/'.join(parts[parts.index(_MARK) :])


def _folders_of(path: Path, frames: np.ndarray) -> list[str]:
    try:
        return [relative(os.path.dirname(os.path.dirname(str(frame.rgbpath))), path) for frame in frames]
    except AttributeError as error:
        raise SampleError(f'{path}: its frames have no rgbpath ({error}): it is another version') from error


def _checked(labels: np.ndarray, source: str) -> np.ndarray:
    if labels.max(initial=0) > _CLASSES:
        raise SampleError(f'{source} has the label {labels.max()}, {_CLASSES} are known: it is another version')
    return labels.astype(np.uint8)


def _check_as_many(path: Path, labels: int, frames: int) -> None:
    if labels != frames:
        raise SampleError(
            f'{path}: {labels} label maps where {META} has {frames} frames: one of the two is another version'
        )


def convert(root: Path, depth: str) -> dict[str, int]:
    """Write labels and lists; returns the number of frames per split."""
    for name in (META, LABELS, SPLIT):
        if not (root / name).is_file():
            raise MissingInputsError(
                f'{root / name}: no such file, unpack SUNRGBD.zip and SUNRGBDtoolbox.zip into {root}'
            )
    frames = read_mat(root / META, 'SUNRGBDMeta')
    train = {relative(str(path), root / SPLIT) for path in read_mat(root / SPLIT, 'alltrain')}
    folders = _folders_of(root / META, frames)
    absent = train - set(folders)
    if absent:
        raise SampleError(
            f'{root / SPLIT}: {len(absent)} of {len(train)} training folders are in no frame of {META}, first '
            f'{min(absent)}: one of the two is another version'
        )
    rows, scenes = dict(train=[], test=[]), dict(train=[], test=[])
    check_writable(root / 'labels')
    with open_hdf5(root / LABELS) as file:
        references = file['SUNRGBD2Dseg']['seglabel']
        _check_as_many(root / LABELS, len(references), len(frames))
        for number, (frame, folder) in enumerate(zip(tqdm(frames, 'SUN RGB-D'), folders, strict=True)):
            label = f'labels/{number + 1:05d}.png'
            if not (root / label).is_file():
                labels = np.asarray(file[references[number][0]]).T  # MATLAB's arrays are column by column
                save_png_atomically(_checked(labels, f'{root / LABELS}: map {number + 1}'), root / label)
            split = 'train' if folder in train else 'test'
            files = f'{folder}/image/{frame.rgbname}', f'{folder}/{depth}/{frame.depthname}'
            missing = next((file for file in files if not (root / file).is_file()), None)
            if missing:
                raise MissingInputsError(f'{root / missing}: no such file, unpack SUNRGBD.zip into {root}')
            rows[split].append(' '.join((*files, label)))
            scene = root / folder / 'scene.txt'
            name = '_'.join(scene.read_text(errors='replace').split()) if scene.is_file() else ''
            name = name or 'unknown'  # which the dataset drops and counts
            scenes[split].append(' '.join((*files, name)))
    for split in rows:
        save_text('\n'.join(rows[split]) + '\n', root / f'{split}.txt')
        save_text('\n'.join(scenes[split]) + '\n', root / f'scenes_{split}.txt')
    return {split: len(entries) for split, entries in rows.items()}


def main() -> int:
    """Parse the command line and convert or verify; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('root', nargs='?', type=Path, default=data_folder() / 'sunrgbd')
    parser.add_argument(
        '--depth', choices=('depth', 'depth_bfx'), default='depth', help="the sensor's depth, or the filled one"
    )
    parser.add_argument(
        '--verify', action='store_true', help='tell what is there instead (official: 5285 train, 5050 test)'
    )
    args = parser.parse_args()
    return exit_code(
        lambda: verify_root('sunrgbd', args.root) if args.verify else print(convert(args.root, args.depth))
    )


if __name__ == '__main__':
    sys.exit(main())
