#!/usr/bin/env python3
"""Cityscapes and COCO-Stuff 164k: label maps with consecutive training ids (255 = no label) beside the official ones.

Cityscapes: gtFine/SPLIT/CITY/*_gtFine_labelIds.png -> *_labelTrainIds.png, 19 classes.
COCO-Stuff: annotations/SPLIT/*.png (pixel maps) -> *_labelTrainIds.png, 171 classes.
ADE20K needs no conversion, only ``--verify``.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from tqdm import tqdm
from verify import verify_root

import mmvd  # noqa: F401
from mmvd.apis.configs import data_folder
from mmvd.datasets.rasters import read_labels
from mmvd.errors import MissingInputsError, SampleError, exit_code
from mmvd.saving import save_png_atomically

IGNORE = 255
# label ids that are evaluated, in training order
CITYSCAPES = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
COCO_UNUSED = {11, 25, 28, 29, 44, 65, 67, 68, 70, 82, 90}  # of the 182 ids of the pixel maps
LAYOUTS = {
    'cityscapes': ('gtFine/*/*/*_gtFine_labelIds.png', ('_labelIds.png', '_labelTrainIds.png'), CITYSCAPES),
    'cocostuff': (
        'annotations/*/*.png',
        ('.png', '_labelTrainIds.png'),
        tuple(i for i in range(182) if i not in COCO_UNUSED),
    ),
}
ARCHIVES = dict(  # and where their content belongs
    cityscapes=('gtFine_trainvaltest.zip', '.'), cocostuff=('stuffthingmaps_trainval2017.zip', 'annotations')
)
FOLDERS = dict(cityscapes='cityscapes', cocostuff='coco_stuff164k', ade20k='ade/ADEChallengeData2016')


def convert(name: str, root: Path) -> int:
    """Write the maps that are not there yet; returns their number."""
    glob, (old, new), ids = LAYOUTS[name]
    table = np.full(256, IGNORE, np.uint8)
    table[list(ids)] = np.arange(len(ids))
    files = sorted(path for path in root.glob(glob) if not path.name.endswith('_labelTrainIds.png'))
    if not files:
        archive, folder = ARCHIVES[name]
        raise MissingInputsError(f'{root / glob}: no such files, unpack {archive} into {root / folder}')
    for path in tqdm(files, name):
        target = path.with_name(path.name.removesuffix(old) + new)
        if not target.is_file():
            labels = read_labels(str(path))
            if labels.max(initial=0) > IGNORE:
                raise SampleError(f'{path}: label {labels.max()} is none of the official ids up to {IGNORE}')
            save_png_atomically(table[labels], target)
    return len(files)


def main() -> int:
    """Parse the command line and convert or verify; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('dataset', choices=FOLDERS)
    parser.add_argument('root', nargs='?', type=Path, help='folder of the dataset; below MMVD_DATA by default')
    parser.add_argument('--verify', action='store_true', help='tell what is there instead')
    args = parser.parse_args()
    root = args.root or data_folder() / FOLDERS[args.dataset]
    if args.verify or args.dataset not in LAYOUTS:
        return exit_code(lambda: verify_root(args.dataset, root))
    return exit_code(lambda: print(f'{convert(args.dataset, root)} label maps'))


if __name__ == '__main__':
    sys.exit(main())
