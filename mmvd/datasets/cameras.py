"""Cameras: their matrices, out of the files that datasets come with, and what is said where they are not known."""

import io
import json
import re
from collections.abc import Callable
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
from mmengine.logging import MMLogger

from mmvd.errors import ConfigError, MissingInputsError, SampleError

from .archives import changed_ns, is_file, read_bytes

_BORDER = 0.05  # share of a side
_UNLIKE, _SKEW = 10, 0.1  # focal lengths of no camera; skew beyond calibration, as a share of the focal length
_MATTERPORT_HEIGHT = 1024  # pixels, of all its undistorted images


def intrinsics_matrix(fx: float, fy: float, cx: float, cy: float) -> np.ndarray:
    """(3, 3) float32 pinhole matrix in pixels."""
    return np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]], np.float32)


def project(points: np.ndarray, K: np.ndarray) -> np.ndarray:
    """(..., N, 2) pixels of (..., N, 3) points in front of a camera with (3, 3) intrinsics."""
    pixels = points @ K.T
    return pixels[..., :2] / pixels[..., 2:]


def rescale_intrinsics(matrix: np.ndarray, x: float, y: float) -> np.ndarray:
    """(3, 3) pinhole matrix after a resize by (x, y); pixel centres are at integers, so the image corner is at -0.5."""
    matrix = matrix.copy()
    matrix[0] *= x
    matrix[1] *= y
    matrix[0, 2] += (x - 1) / 2
    matrix[1, 2] += (y - 1) / 2
    return matrix


def camera_fits(results: dict) -> bool:
    """Whether the camera of a sample is still that of its image: transforms of the hosts move the image alone.

    Args:
        results: The sample; ``camera_of`` is what :func:`note_camera` wrote, without it the camera is that of the image
            as it was loaded.
    """
    (shape, scale, mirrored), known = _place(results), results.get('camera_of', ())
    if known is None:
        return False
    known_shape, known_scale, known_mirrored = known or (results.get('ori_shape', shape)[:2], (1.0, 1.0), False)
    # a host's resize to the same size writes a scale of 1, whatever was there
    same_scale = np.allclose(scale, known_scale) or np.allclose(scale, 1)
    return tuple(known_shape) == shape and same_scale and mirrored == known_mirrored


def note_camera(results: dict, fits: bool = True) -> None:
    """Write that the camera of a sample is that of its image as it is now, or that of none any more."""
    results['camera_of'] = _place(results) if fits else None


def _place(results: dict) -> tuple[tuple[int, ...], tuple[float, ...], bool]:
    """(height, width), scale and whether a host mirrored the image."""
    shape = results['img' if 'img' in results else 'depth'].shape[:2]
    scale = tuple(np.resize(results.get('scale_factor', 1.0), 2))  # some write one number, some four
    return shape, scale, bool(results.get('flip') and not results.get('depth_flip'))


def left_behind(path: object, reader: str) -> SampleError:
    """The error of a camera that is not that of its image any more, for the one who reads it."""
    return SampleError(
        f'{path}: a transform of the host moved the image and not its camera, which {reader} reads: use the joint '
        'transforms of mmvd (RGBDResize, RGBDRandomCrop, RGBDRandomFlip)'
    )


@cache
def tell_of_guess(reader: str) -> None:
    """Say once that cameras are guessed, and for whom."""
    MMLogger.get_current_instance().warning(
        f'{reader}: samples without intrinsics: their camera is guessed (intrinsics of the dataset would be used)'
    )


@cache
def tell_of_place(cx: float, cy: float, width: int, height: int) -> None:
    """Say once that a principal point lies at the border of an image or outside: it may be that of another size."""
    if not all(_BORDER * side < place < (1 - _BORDER) * side for place, side in ((cx, width), (cy, height))):
        MMLogger.get_current_instance().warning(
            f'intrinsics: the principal point {cx:g}, {cy:g} lies at the border of {width}x{height} pixels or outside: '
            'if they are those of an image of another size, scale them'
        )


def read_camera(path: Path, image: str) -> np.ndarray:
    """Intrinsics of an image.

    Args:
        path: ``*.npy`` (GraspNet), ``calib_cam_to_cam.txt`` (KITTI), ``*_cam.txt`` (BlendedMVS), ``*.conf``
            (Matterport3D), ``*_meta.json`` (MVIP), or else text of nine or sixteen numbers, the rows of a matrix (VOID,
            ScanNet, SUN RGB-D).
        image: Path of the image, which some of these files name.

    Returns:
        (3, 3) float32 pinhole matrix in pixels.

    Raises:
        MissingInputsError: If there is no such file.
        ConfigError: If it holds something else.
    """
    if not is_file(path):
        raise MissingInputsError(
            f'{path}: no such file of intrinsics: fetch it, or set camera_from=None in the config of the dataset'
        )
    try:
        matrix = np.array(_cameras_of(path, changed_ns(path))(image), np.float32)
        matrix = matrix.reshape((4, 4) if matrix.size == 16 else (3, 3))[:3, :3]
    except (OSError, ValueError, TypeError, LookupError, OverflowError, RecursionError, MemoryError) as error:
        raise ConfigError(f'{path}: holds no camera matrix of {Path(image).name} ({error})') from error
    return check_pinhole(matrix, str(path)).copy()


def check_pinhole(matrix: np.ndarray, source: str) -> np.ndarray:
    """A (3, 3) matrix that can be that of a camera.

    Raises:
        ConfigError: If it cannot.
    """
    if not is_pinhole(matrix):
        raise ConfigError(
            f'{source}: a camera matrix is fx 0 cx, 0 fy cy, 0 0 1 with positive focal lengths in pixels, which are '
            f'similar, got {matrix.tolist()}'
        )
    return matrix


def is_pinhole(matrix: np.ndarray) -> bool:
    """Whether a (3, 3) matrix can be that of a camera."""
    (fx, skew, _), (zero, fy, _), (x, y, one) = matrix.tolist()
    plain = (
        abs(zero) < 1e-6 * abs(fy) and max(abs(x), abs(y)) < 1e-6 and abs(one - 1) < 1e-5 and np.isfinite(matrix).all()
    )
    return bool(plain and min(fx, fy) > 0 and max(fx, fy) < _UNLIKE * min(fx, fy) and abs(skew) < _SKEW * fx)


@lru_cache(64)
def _cameras_of(path: Path, then_ns: int | None) -> Callable:
    """From the path of an image to the numbers of its camera; a file is read once for its many images."""
    read = next((read for ending, read in _READERS.items() if path.name.endswith(ending)), _numbers)
    return read(read_bytes(path))


def _numbers(content: bytes) -> Callable:
    matrix = np.array(content.split(), np.float32)
    return lambda image: matrix


def _numpy(content: bytes) -> Callable:
    try:
        matrix = np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
    except Exception as error:  # a damaged header leads numpy to errors of a dozen classes
        raise ValueError(f'no plain numpy array, {error}') from error
    return lambda image: matrix


def _kitti(content: bytes) -> Callable:
    lines = {line.split(':')[0]: line.split()[1:] for line in content.decode().splitlines()}
    key = 'P_rect_{}'.format

    def find(image: str) -> np.ndarray:
        numbers = lines[key(re.findall(r'/image_(0[0-3])/', image)[-1])]
        return np.array(numbers, np.float32).reshape(3, 4)[:, :3]

    return find


def _blended_mvs(content: bytes) -> Callable:
    matrix = np.array(content.split(b'intrinsic')[1].split()[:9], np.float32)
    return lambda image: matrix


def _matterport(content: bytes) -> Callable:
    """A line ``intrinsics_matrix`` holds for the lines ``scan DEPTH COLOUR POSE`` below; y counts from the bottom."""
    matrix, cameras = [], {}
    for line in content.decode().splitlines():
        words = line.split()
        if words[:1] == ['intrinsics_matrix']:
            matrix = [*words[1:6], _MATTERPORT_HEIGHT - 1 - float(words[6]), *words[7:]]
        elif words[:1] == ['scan']:
            cameras[words[2]] = matrix
    return lambda image: cameras[Path(image).name]


def _mvip(content: bytes) -> Callable:
    matrix = np.array(json.loads(content)['cameraMatrix'], np.float32)
    return lambda image: matrix


_READERS: dict[str, Callable] = {
    '.npy': _numpy,
    'calib_cam_to_cam.txt': _kitti,
    '_cam.txt': _blended_mvs,
    '.conf': _matterport,
    '_meta.json': _mvip,
}
