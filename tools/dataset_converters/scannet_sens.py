#!/usr/bin/env python3
"""ScanNet: images and depth out of the .sens streams, into the layout that the configs read.

Reads scans/SCENE/SCENE.sens and writes beside it color/N.jpg (bytes of the stream), depth/N.png (uint16 millimetres)
and intrinsic/intrinsic_{color,depth}.txt. Frames that are there already are left alone, so that it can be interrupted
and repeated.
"""

import argparse
import struct
import sys
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from tqdm import tqdm

import mmvd  # noqa: F401
from mmvd.apis.configs import data_folder
from mmvd.arguments import check_int
from mmvd.errors import MissingInputsError, SampleError, exit_code
from mmvd.saving import AtomicLocalBackend, save_png_atomically, save_text

_VERSION, _JPEG, _ZLIB = 4, 2, 1
_LONGEST_NAME, _LARGEST_FRAME = 4096, 1 << 28


@dataclass
class Header:
    """What stands before the frames.

    Attributes:
        intrinsics: (4, 4) by camera, color and depth, in pixels.
        depth_size: (height, width) in pixels.
        steps_per_m: File steps of depth in a metre.
        frames: Number of frames.
    """

    intrinsics: dict[str, np.ndarray]
    depth_size: tuple[int, int]
    steps_per_m: float
    frames: int


def read_exactly(file: BinaryIO, count: int) -> bytes:
    """So many bytes.

    Raises:
        SampleError: If the file ends before.
    """
    data = file.read(count)
    if len(data) != count:
        raise SampleError(f'{file.name}: ends {count - len(data)} bytes too early, fetch it again')
    return data


def _unpack(file: BinaryIO, layout: str) -> tuple:
    return struct.unpack(f'<{layout}', read_exactly(file, struct.calcsize(f'<{layout}')))


def read_header(file: BinaryIO) -> Header:
    """Read what stands before the frames.

    Raises:
        SampleError: If this is no stream of version 4 with JPEG images and zlib depth.
    """
    version, name_length = _unpack(file, 'IQ')
    if version != _VERSION or name_length > _LONGEST_NAME:
        raise SampleError(f'{file.name}: no .sens stream of version {_VERSION}')
    read_exactly(file, name_length)
    matrices = np.array(_unpack(file, '64f'), np.float64).reshape(4, 4, 4)  # colour, its place, depth, its place
    colour, depth = _unpack(file, 'ii')
    if (colour, depth) != (_JPEG, _ZLIB):
        raise SampleError(f'{file.name}: compression {colour} and {depth}, JPEG ({_JPEG}) and zlib ({_ZLIB}) expected')
    _, _, width, height = _unpack(file, '4I')
    steps_per_m, frames = _unpack(file, 'fQ')
    if not 0 < steps_per_m < np.inf or not (width and height and frames) or not np.isfinite(matrices[::2]).all():
        raise SampleError(
            f'{file.name}: {frames} frames of {width} x {height} px of depth at {steps_per_m} steps per metre, or a '
            'camera that is not finite: no header of ScanNet, fetch it again'
        )
    return Header(dict(color=matrices[0], depth=matrices[2]), (height, width), steps_per_m, frames)


def read_frames(file: BinaryIO, header: Header) -> Iterator[tuple[bytes, bytes]]:
    """JPEG and compressed depth of each frame.

    Raises:
        SampleError: If the stream ends too early.
    """
    for _ in range(header.frames):
        _unpack(file, '16f')  # pose of the camera
        *_, colour_bytes, depth_bytes = _unpack(file, '4Q')  # two times, two sizes
        if not all(0 < size <= _LARGEST_FRAME for size in (colour_bytes, depth_bytes)):
            raise SampleError(f'{file.name}: a frame of {colour_bytes} and {depth_bytes} bytes, fetch it again')
        yield read_exactly(file, colour_bytes), read_exactly(file, depth_bytes)


def depth_mm(data: bytes, header: Header, source: str) -> np.ndarray:
    """(H, W) uint16 millimetres of one frame.

    Raises:
        SampleError: If the data are damaged.
    """
    try:
        raw = np.frombuffer(zlib.decompress(data), '<u2').reshape(header.depth_size)
    except (zlib.error, ValueError) as error:
        raise SampleError(f'{source}: depth of a frame is damaged ({error}): fetch it again') from error
    if header.steps_per_m == 1000:
        return raw
    millimetres = np.rint(raw * (1000 / header.steps_per_m))
    return np.where(millimetres < 2**16, millimetres, 0).astype(np.uint16)  # farther than a file can say: missing


def convert_scan(path: Path, every: int) -> int:
    """Write the frames of one stream; returns how many there are now."""
    with open(path, 'rb') as file:
        header = read_header(file)
        for camera, matrix in header.intrinsics.items():
            text = '\n'.join(' '.join(f'{value:.6f}' for value in row) for row in matrix)
            save_text(text, path.parent / f'intrinsic/intrinsic_{camera}.txt')
        for number, (colour, depth) in enumerate(read_frames(file, header)):
            image, out = path.parent / f'color/{number}.jpg', path.parent / f'depth/{number}.png'
            if number % every or all(path.is_file() and path.stat().st_size for path in (image, out)):
                continue
            save_png_atomically(depth_mm(depth, header, f'{path}, frame {number}'), out)
            AtomicLocalBackend().put(colour, image)
    return len(range(0, header.frames, every))


def convert(root: Path, every: int) -> int:
    """Write the frames of all streams; one that is damaged is told, the others go on.

    Returns the number of damaged ones.
    """
    check_int('scannet_sens', '--every', every)
    scans = sorted(path for path in root.glob('scans/*/*.sens') if not path.name.startswith('.'))
    if not scans:
        raise MissingInputsError(f'{root}/scans/*/*.sens: no such files, the ScanNet team hands them out')
    frames, damaged, folders = 0, [], Counter(path.parent for path in scans)
    for path in tqdm(scans, 'ScanNet'):
        try:
            if folders[path.parent] > 1:
                raise SampleError(f'{path}: not the only stream in its folder, whose frames would be mixed: keep one')
            frames += convert_scan(path, every)
        except SampleError as error:
            damaged.append(str(error))
        except OSError as error:  # in reading: what cannot be written is a SavingError
            damaged.append(f'{path}: cannot be read ({error.strerror})')
    print(f'{frames} frames of {len(scans) - len(damaged)} scans below {root}')
    for text in damaged:
        print(f'damaged: {text}', file=sys.stderr)
    return 1 if damaged else 0


def main() -> int:
    """Parse the command line and convert; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('root', nargs='?', type=Path, default=data_folder() / 'scannet')
    parser.add_argument('--every', type=int, default=1, help='take each n-th frame')
    args = parser.parse_args()
    return exit_code(lambda: convert(args.root, args.every))


if __name__ == '__main__':
    sys.exit(main())
