#!/usr/bin/env python3
"""KITTI object detection: raw lidar scans projected into the left colour camera, as KITTI's 16-bit depth PNGs.

Reads the official layout, training/{image_2,velodyne,calib}, and writes training/velodyne_depth/NNNNNN.png (256 per
metre, 0 = no point). What is there already is left alone.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from tqdm import tqdm

import mmvd  # noqa: F401
from mmvd.apis.configs import data_folder
from mmvd.datasets.rasters import read_image
from mmvd.errors import MissingInputsError, SampleError, exit_code
from mmvd.saving import save_png_atomically

PER_M, FARTHEST_M = 256, 250.0  # 16 bits end at 256 m, the lidar before
_MATRICES = dict(P2=(3, 4), R0_rect=(3, 3), Tr_velo_to_cam=(3, 4))


def read_calibration(path: Path) -> np.ndarray:
    """(3, 4) float64, from homogeneous lidar coordinates to homogeneous pixels of the left colour camera.

    Raises:
        MissingInputsError: If there is no such file.
        SampleError: If it lacks a matrix.
    """
    if not path.is_file():
        raise MissingInputsError(f'{path}: no such calibration, unpack data_object_calib.zip')
    lines = dict(line.split(':', 1) for line in path.read_text(errors='replace').splitlines() if ':' in line)
    found = {}
    for name, shape in _MATRICES.items():
        try:
            matrix = np.array(lines[name].split(), float).reshape(shape)
        except (KeyError, ValueError) as error:
            raise SampleError(
                f'{path}: {name} must hold {np.prod(shape)} numbers ({error}), unpack data_object_calib.zip again'
            ) from error
        if not np.isfinite(matrix).all():
            raise SampleError(f'{path}: {name} is not finite, unpack data_object_calib.zip again')
        found[name] = np.eye(4)
        found[name][: shape[0], : shape[1]] = matrix
    return (found['P2'] @ found['R0_rect'] @ found['Tr_velo_to_cam'])[:3]


def read_scan(path: Path) -> np.ndarray:
    """(N, 3) float64 points in metres, x forward, y left, z up.

    Raises:
        MissingInputsError: If there is no such file.
        SampleError: If it is cut off, empty or holds numbers that are not finite.
    """
    if not path.is_file():
        raise MissingInputsError(f'{path}: no such scan, unpack data_object_velodyne.zip')
    size = path.stat().st_size
    if not size or size % 16:
        raise SampleError(f'{path}: {size} bytes are no list of points of 16 bytes each: unpack it again')
    points = np.fromfile(path, '<f4').reshape(-1, 4)[:, :3].astype(float)
    if not np.isfinite(points).all():
        raise SampleError(f'{path}: holds points that are not finite: unpack it again')
    return points


def project(points: np.ndarray, matrix: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Depth along the optical axis of the nearest point in each pixel.

    Args:
        points: (N, 3) metres.
        matrix: (3, 4) to homogeneous pixels.
        shape: (height, width) of the image.

    Returns:
        (H, W) float32 metres, 0 = no point. Pixel centres are at whole numbers, as everywhere here; the development kit
        counts from 1 (from memory).
    """
    columns, rows, depth_m = matrix @ np.column_stack((points, np.ones(len(points)))).T
    seen = (depth_m > 0) & (depth_m < FARTHEST_M)
    depth_m = depth_m[seen]
    column, row = (np.rint(values[seen] / depth_m).astype(int) for values in (columns, rows))
    inside = (column >= 0) & (column < shape[1]) & (row >= 0) & (row < shape[0])
    nearest = np.full(shape, np.inf)
    np.minimum.at(nearest, (row[inside], column[inside]), depth_m[inside])
    return np.where(np.isfinite(nearest), nearest, 0).astype(np.float32)


def convert(root: Path) -> int:
    """Write what is missing; returns the number of depth maps there are.

    Raises:
        MissingInputsError: If an image, a scan or a calibration is not there.
        SampleError: If one cannot be read, or a scan has no point in its image.
    """
    images = sorted((root / 'training' / 'image_2').glob('*.png'))
    if not images:
        raise MissingInputsError(f'{root / "training/image_2"}: no images, unpack data_object_image_2.zip into {root}')
    for image in tqdm(images, 'KITTI lidar'):
        name = image.stem
        out = root / 'training' / 'velodyne_depth' / f'{name}.png'
        if out.is_file():
            continue
        calibration, scan = (root / 'training' / path for path in (f'calib/{name}.txt', f'velodyne/{name}.bin'))
        depth_m = project(read_scan(scan), read_calibration(calibration), read_image(image)[0].shape[:2])
        if not depth_m.any():
            raise SampleError(f'{calibration}: puts no point of {scan} into the image: unpack both again')
        save_png_atomically((depth_m * PER_M).round().astype(np.uint16), out)
    return len(images)


def main() -> int:
    """Parse the command line and convert; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('root', nargs='?', type=Path, default=data_folder() / 'kitti_object')
    args = parser.parse_args()
    return exit_code(lambda: print(f'{convert(args.root)} depth maps in {args.root / "training/velodyne_depth"}'))


if __name__ == '__main__':
    sys.exit(main())
