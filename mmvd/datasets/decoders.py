"""From a file value to metres: one named formula per sensor format. Depth leaves as (H, W) float32, 0 = missing."""
import io
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from mmvd.errors import ConfigError, DepthFileError, MMVDError, SampleError

from .images import PNG_END, TAIL_BYTES, tail

os.environ.setdefault('OPENCV_IO_ENABLE_OPENEXR', '1')  # OpenCV looks before it opens its first EXR file
import cv2  # noqa: E402

_FARTHEST_M = 1e4  # no camera measures so far; renderers write it, or half precision's 65504, for the sky
_CLIPPED = np.iinfo(np.uint16).max
_PNG = b'\x89PNG'


def read_raster(path: str, error: type[MMVDError] = DepthFileError) -> np.ndarray:
    """Read an image file as it is stored; a file that is missing, empty, truncated or unreadable is an ``error`` that names it."""
    if not os.path.isfile(path):
        raise error(f'{path}: no such file')
    data = np.fromfile(path, np.uint8)
    _check_ending(path, data[:4].tobytes(), data[-TAIL_BYTES:].tobytes(), error)
    image = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if len(data) else None
    if image is None:
        raise error(f'{path}: not a readable image (empty, truncated or of a format that OpenCV does not know)')
    return image


def _check_ending(path: str, head: bytes, end: bytes, error: type[MMVDError]) -> None:
    if head[:4] == _PNG and PNG_END not in end:  # libpng fills what is lacking with zeros, without a word
        raise error(f'{path}: truncated PNG, copy or export the file again')


def read_labels(path: str) -> np.ndarray:
    """Read a label map as it is stored: the indices of a palette, not its colours.

    Raises:
        SampleError: If the file is missing or truncated, or holds colours.
    """
    if not os.path.isfile(path):
        raise SampleError(f'{path}: no such file')
    data = Path(path).read_bytes()
    _check_ending(path, data[:4], data[-TAIL_BYTES:], SampleError)
    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.mode not in ('1', 'L', 'P', 'I', 'I;16'):
                raise SampleError(f'{path}: {len(image.getbands())} channels where a label map has one: a coloured picture is no label map')
            labels = np.asarray(image)
    except OSError as error:
        raise SampleError(f'{path}: not a readable label map ({error}), copy or export the file again') from error
    return labels.astype(np.uint8) if labels.dtype == bool else labels


def _read_uint16(path: str) -> np.ndarray:
    image = read_raster(path)
    if image.ndim != 2:
        raise DepthFileError(f'{path}: {image.shape[2]} channels where depth has one: a colour-mapped picture holds no metric depth')
    if image.dtype != np.uint16:
        raise DepthFileError(f'{path}: {image.dtype} where 16-bit depth is expected: an 8-bit picture holds no metric depth')
    return np.where(image == _CLIPPED, np.uint16(0), image)


def _read_float(path: str) -> np.ndarray:
    image = read_raster(path)
    if image.ndim == 3:
        if not all(np.array_equal(image[..., 0], image[..., c], equal_nan=True) for c in range(min(3, image.shape[2]))):
            raise DepthFileError(f'{path}: three different channels where depth has one')
        image = image[..., 0]
    if image.dtype.kind != 'f':
        raise DepthFileError(f'{path}: {image.dtype} where floating-point metres are expected')
    return image


def _read_npy(path: str) -> np.ndarray:
    try:
        depth = np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise DepthFileError(f'{path}: not a plain numpy array ({error})') from error
    if not isinstance(depth, np.ndarray) or depth.ndim != 2 or depth.dtype.kind != 'f':
        raise DepthFileError(f'{path}: expected a (H, W) floating-point array of metres')
    return depth


def _rotate_right_3(raw: np.ndarray) -> np.ndarray:
    return (raw >> 3) | (raw << 13)


def _disparity_to_metres(raw: np.ndarray) -> np.ndarray:
    disparity = (raw.astype(np.float32) - 1) / 256
    with np.errstate(divide='ignore'):
        depth = np.where(disparity > 0, 0.209313 * 2262.52 / disparity, 0)
    return np.where(depth > 150, 0, depth)  # one step of disparity is kilometres out there


@dataclass(frozen=True)
class Decoder:
    """How one depth format is read.

    Attributes:
        formula: What the file value means, for people.
        read: From path to array of file values.
        to_metres: From file values and the sample's ``depth_scale`` (1 unless the dataset gives one) to metres.
    """

    formula: str
    read: Callable[[str], np.ndarray]
    to_metres: Callable[[np.ndarray, float], np.ndarray]


def _linear(formula: str, divisor: float) -> Decoder:
    return Decoder(formula, _read_uint16, lambda raw, scale: raw / np.float32(divisor))


DECODERS: dict[str, Decoder] = {
    'mm16': _linear('uint16 millimetres: d = raw / 1000', 1000),
    'div256': _linear('uint16 (KITTI, VOID): d = raw / 256', 256),
    'div4000': _linear('uint16 quarter millimetres (Matterport3D): d = raw / 4000', 4000),
    'div5000': _linear('uint16 (TUM RGB-D, ICL-NUIM): d = raw / 5000', 5000),
    'div10000': _linear('uint16 tenth millimetres (YCB-Video): d = raw / 10000', 10000),
    'sunrgbd': Decoder('uint16 rotated by three bits (SUN RGB-D): d = ((raw >> 3) | (raw << 13)) / 1000', _read_uint16,
                       lambda raw, scale: _rotate_right_3(raw) / np.float32(1000)),
    'sunrgbd_doubled': Decoder("SUN RGB-D at twice its value, as the authors' segmentation read it: d = ((raw >> 3) | (raw << 13)) / 500",
                               _read_uint16, lambda raw, scale: _rotate_right_3(raw) / np.float32(500)),
    'apc': Decoder('uint16 rotated by three bits (Amazon Picking Challenge): d = ((raw >> 3) | (raw << 13)) / 10000', _read_uint16,
                   lambda raw, scale: _rotate_right_3(raw) / np.float32(10000)),
    'bop': Decoder("uint16 with the frame's depth_scale in millimetres (BOP): d = raw * depth_scale / 1000", _read_uint16,
                   lambda raw, scale: raw * np.float32(scale / 1000)),
    'cityscapes': Decoder('uint16 disparity: d = 0.209313 * 2262.52 / ((raw - 1) / 256), missing beyond 150 m', _read_uint16,
                          lambda raw, scale: _disparity_to_metres(raw)),
    'exr': Decoder('OpenEXR, float metres, one channel or three alike: d = raw', _read_float, lambda raw, scale: raw),
    'pfm': Decoder('portable float map, metres: d = raw', _read_float, lambda raw, scale: raw),
    'npy': Decoder('numpy file, (H, W) float metres: d = raw', _read_npy, lambda raw, scale: raw),
}


def get_decoder(name: str) -> Decoder:
    """Look a decoder up by name.

    Raises:
        ConfigError: If there is none of that name.
    """
    if name not in DECODERS:
        raise ConfigError(f'unknown depth decoder {name!r}: choose one of {", ".join(sorted(DECODERS))}')
    return DECODERS[name]


def depth_shape(path: str, decoder: str, depth_scale: float = 1.0) -> tuple[int, int]:
    """(height, width) of a depth file; of a PNG out of its first and last bytes, so that a large dataset can be looked at.

    Raises:
        DepthFileError: If the file is missing, truncated, or not what its decoder expects.
    """
    if not os.path.isfile(path):
        raise DepthFileError(f'{path}: no such depth file')
    with open(path, 'rb') as file:
        head = file.read(26)
    if head[:4] != _PNG or len(head) < 26:
        return read_depth(path, decoder, depth_scale).shape
    _check_ending(path, head, tail(path), DepthFileError)
    width, height, bits, colour = struct.unpack('>IIBB', head[16:])
    if (bits, colour) != (16, 0):
        raise DepthFileError(f'{path}: {bits}-bit PNG of colour type {colour} where 16-bit depth is expected: such a picture holds no metric depth')
    return height, width


def read_depth(path: str | Path, decoder: str, depth_scale: float = 1.0) -> np.ndarray:
    """Read a depth file.

    Args:
        path: Depth file.
        decoder: Name of the format, a key of ``DECODERS``.
        depth_scale: Factor of the frame where the format has one (BOP).

    Returns:
        (H, W) float32 metres, 0 = missing; NaN, infinite and negative values of the file are missing, as are the largest 16-bit value, which is a
        clipped one, and what lies 10 km away or farther (choices of this implementation).

    Raises:
        DepthFileError: If the file is missing, truncated, or holds something else than its decoder expects.
        ConfigError: If the decoder is unknown.
    """
    form, path = get_decoder(decoder), str(path)
    if not os.path.isfile(path):
        raise DepthFileError(f'{path}: no such depth file')
    depth = form.to_metres(form.read(path), depth_scale).astype(np.float32)
    return np.where((depth > 0) & (depth < _FARTHEST_M), depth, np.float32(0))


def to_millimetres(depth_m: np.ndarray) -> np.ndarray:
    """(H, W) metres -> uint16 as ``mm16`` reads it; what 16 bits cannot hold is missing (0), as everywhere."""
    millimetres = np.rint(depth_m.astype(np.float64) * 1000)
    return np.where((millimetres > 0) & (millimetres < _CLIPPED), millimetres, 0).astype(np.uint16)
