#!/usr/bin/env python3
"""What the checks of files cost beside the bare reading, in turns in one run: a checkpoint, and 1000 images."""

import argparse
import sys
import tempfile
import zipfile
from pathlib import Path

import cv2
import numpy as np
import simplejpeg
import torch

from mmvd.datasets.decoders import read_npy
from mmvd.datasets.rasters import look_at_image, read_image, read_raster
from mmvd.errors import exit_code
from mmvd.models.weights import load_checkpoint, tensors_of
from mmvd.saving import check_file

sys.path.insert(0, str(Path(__file__).parents[2]))
from tools.analysis.tables import write_rows  # noqa: E402
from tools.analysis.timing import compare, whole  # noqa: E402

_CPU = torch.device('cpu')


def main() -> int:
    """Parse the command line and measure; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--megabytes', type=int, default=100, help='size of the checkpoint')
    parser.add_argument('--images', type=whole(1), default=1000)
    parser.add_argument('--repeats', type=whole(1), default=9)
    parser.add_argument('--out', help='CSV')
    args = parser.parse_args()
    return exit_code(lambda: run(args))


def run(args: argparse.Namespace) -> None:
    """Measure and print."""
    if args.out:
        check_file(Path(args.out))
    with tempfile.TemporaryDirectory() as folder:
        rows = [*checkpoint_rows(Path(folder), args), *image_rows(Path(folder), args)]
    for row in rows:
        print(row)
    if args.out:
        write_rows(args.out, [row.row() for row in rows], _CPU, dtype='float32')


def checkpoint_rows(folder: Path, args: argparse.Namespace):
    """Reading with all checks beside bare reading, and beside bare reading after the archive's checksums."""
    path, count = folder / 'a.pth', args.megabytes * 2**18 // 24
    torch.save(dict(state_dict={f'block.{i}': torch.randn(count) for i in range(24)}), path)

    def bare():
        return torch.load(path, map_location='cpu', weights_only=True)['state_dict']

    def checksums():
        with zipfile.ZipFile(path) as archive:
            archive.testzip()
        return bare()

    def checked():
        return tensors_of(load_checkpoint(path), path)

    note = f'{args.megabytes} MiB'
    yield compare('checkpoint', ('with checks', checked), ('bare + CRC', checksums), _CPU, args.repeats, note)
    yield compare('checkpoint', ('with checks', checked), ('bare', bare), _CPU, args.repeats, note)


def image_rows(folder: Path, args: argparse.Namespace):
    """The one door beside the bare decoders; what a dataset's first look costs."""
    generator = np.random.default_rng(0)
    for i in range(args.images):
        smooth = cv2.resize(generator.integers(0, 256, (60, 80, 3), dtype=np.uint8), (640, 480))
        cv2.imwrite(str(folder / f'{i}.jpg'), smooth)
        depth = (smooth[..., 0].astype(np.uint16) << 4) + 500
        for ending in ('png', 'pgm'):
            cv2.imwrite(str(folder / f'{i}.{ending}'), depth)
        for ending in ('exr', 'pfm'):
            cv2.imwrite(str(folder / f'{i}.{ending}'), (depth / 1000).astype(np.float32))
        np.save(folder / f'{i}.npy', (depth / 1000).astype(np.float32))
    photos = [folder / f'{i}.jpg' for i in range(args.images)]

    def bare_jpeg(path):
        return simplejpeg.decode_jpeg(path.read_bytes(), 'BGR')

    def bare_opencv(path):
        return cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)

    def over(read, paths):
        return lambda: [read(path) for path in paths]

    note, repeats = f'{args.images} files of 640x480', max(args.repeats // 3, 3)
    for name, checked, bare, paths in (
        ('JPEG', read_image, bare_jpeg, photos),
        ('16-bit PNG', read_raster, bare_opencv, _of(photos, '.png')),
        ('16-bit PGM', read_raster, bare_opencv, _of(photos, '.pgm')),
        ('float EXR', read_raster, bare_opencv, _of(photos, '.exr')),
        ('PFM', read_raster, bare_opencv, _of(photos, '.pfm')),
        ('NPY', lambda path: np.array(read_npy(path)), np.load, _of(photos, '.npy')),  # read, not mapped
    ):
        yield compare(name, ('with checks', over(checked, paths)), ('bare', over(bare, paths)), _CPU, repeats, note)
    first_look = over(look_at_image, photos)
    decoding = over(bare_jpeg, photos)
    yield compare('first look', ('heads and ends', first_look), ('decoding', decoding), _CPU, repeats, note)


def _of(photos: list[Path], ending: str) -> list[Path]:
    return [path.with_suffix(ending) for path in photos]


if __name__ == '__main__':
    sys.exit(main())
