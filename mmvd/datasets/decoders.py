"""From a file value to metres.

One named formula per sensor format. Depth leaves as (H, W) float32, 0 = missing.
"""

import io
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from mmengine.logging import MMLogger

from mmvd.errors import ConfigError, DepthFileError

from .archives import is_file, read_bytes, split
from .rasters import look_at_raster, read_raster, shown

FARTHEST_M = 1e4  # no camera measures so far; renderers write it, or half precision's 65504, for the sky
_ODD_MINIMUM_M, _ODD_MEDIAN_M, _ODD_MAXIMUM_M = 1e-4, 200.0, 1000.0  # a unit or the order of bytes is suspected
_KINECT_BITS, _KINECT_REACH_M = 2047, 15.0  # farther out one step is metres
CITYSCAPES_BASELINE_M, CITYSCAPES_FOCAL_PX = 0.209313, 2262.52  # of the camera of most images
_CLIPPED, _SCALES = np.iinfo(np.uint16).max, (1e-4, 1e3)


def suspicion(depth_m: np.ndarray) -> str | None:
    """What makes metres look like another unit or order of bytes, or None.

    A median beyond 200 m, a maximum beyond 1000 m, or a maximum below a tenth of a millimetre.
    """
    farthest = float(depth_m.max(initial=0))
    if not farthest or _ODD_MINIMUM_M <= farthest <= _ODD_MEDIAN_M:
        return None
    median = float(np.median(depth_m[depth_m > 0]))
    if median > _ODD_MEDIAN_M or farthest > _ODD_MAXIMUM_M or farthest < _ODD_MINIMUM_M:
        return f'a median of {median:.4g} m and a maximum of {farthest:.4g} m'
    return None


_warned: set[str] = set()  # decoders


def _warn_of(decoder: str, path: str, what: str) -> None:
    if decoder in _warned:
        return
    _warned.add(decoder)
    MMLogger.get_current_instance().warning(
        f'{path}: {what}: read by another decoder than {decoder}, or in another unit (float_mm, npy_mm) or order of '
        'bytes? (told for the first such file)'
    )


def _read_uint16(path: str) -> np.ndarray:
    image = read_raster(path)
    if image.ndim != 2:
        raise DepthFileError(
            f'{shown(path)}: {image.shape[2]} channels where depth has one: a colour-mapped picture holds no metric '
            'depth'
        )
    if image.dtype != np.uint16:
        raise DepthFileError(
            f'{shown(path)}: {image.dtype} where unsigned 16-bit depth is expected: 8-bit pictures hold no metric '
            'depth, float files need another decoder (exr for metres, also in a TIFF, pfm, npy; float_mm, npy_mm)'
        )
    return np.where(image == _CLIPPED, np.uint16(0), image)


def _read_float(path: str) -> np.ndarray:
    image = read_raster(path)
    if image.ndim == 3:
        if not all(np.array_equal(image[..., 0], image[..., c], equal_nan=True) for c in range(min(3, image.shape[2]))):
            raise DepthFileError(f'{shown(path)}: three different channels where depth has one')
        image = image[..., 0]
    if image.dtype.kind != 'f':
        raise DepthFileError(f'{shown(path)}: {image.dtype} where floating-point metres are expected')
    return image


def read_npy(path: str | Path) -> np.ndarray:
    """A plain (H, W) array of real numbers as it is stored.

    Raises:
        DepthFileError: If the file holds something else.
    """
    path = str(path)
    packed = _check_is_npy(path)
    try:  # mapped: the header is held against the size of the file before memory is asked for
        depth = np.load(packed or path, mmap_mode=None if packed else 'r', allow_pickle=False)
    except Exception as error:  # a damaged header leads numpy to errors of a dozen classes
        raise DepthFileError(f'{shown(path)}: not a plain numpy array ({" ".join(str(error).split())})') from error
    if depth.ndim != 2 or depth.dtype.kind not in 'uif' or not depth.size:
        raise DepthFileError(
            f'{shown(path)}: {depth.shape} {depth.dtype} where a (H, W) floating-point array of metres is expected'
        )
    return np.asarray(depth)


def _read_npy(path: str) -> np.ndarray:
    depth = read_npy(path)
    if depth.dtype.kind != 'f':
        raise DepthFileError(
            f'{shown(path)}: {depth.dtype} where a (H, W) floating-point array of metres is expected: store metres, '
            "name the decoder npy_mm, or say depth_unit='mm' to an inferencer"
        )
    return depth


def _check_is_npy(path: str) -> io.BytesIO | None:
    """Look at the beginning of a file; returns its content if it lies in an archive."""
    if not is_file(path):
        raise DepthFileError(f'{shown(path)}: no such depth file')
    try:
        packed = None if split(path) is None else io.BytesIO(read_bytes(path))
        with open(path, 'rb') if packed is None else nullcontext(packed) as file:
            start = file.read(6)
    except OSError as error:
        raise DepthFileError(f'{shown(path)}: cannot be read ({error.strerror})') from error
    if start != b'\x93NUMPY':
        raise DepthFileError(f'{shown(path)}: not a numpy array (.npy); archives (.npz) hold several')
    if packed is not None:
        packed.seek(0)
    return packed


def _rotate_right_3(raw: np.ndarray) -> np.ndarray:
    return (raw >> 3) | (raw << 13)


def _disparity_to_metres(raw: np.ndarray, scale: float) -> np.ndarray:
    disparity = (raw.astype(np.float32) - 1) / 256
    with np.errstate(divide='ignore'):
        depth = np.where(disparity > 0, scale * CITYSCAPES_BASELINE_M * CITYSCAPES_FOCAL_PX / disparity, 0)
    return np.where(depth > 150, 0, depth)  # as the authors; the last steps of disparity are kilometres apart


def _kinect_to_metres(raw: np.ndarray) -> np.ndarray:
    """Disparity of the first Kinect.

    Its recorder wrote 16-bit PGM in the wrong order of bytes: 11 bits tell.
    """
    if raw.max(initial=0) > _KINECT_BITS and raw.byteswap().max() <= _KINECT_BITS:
        raw = raw.byteswap()
    depth = 0.1236 * np.tan(raw / np.float32(2842.5) + np.float32(1.1863))
    return np.where((raw <= _KINECT_BITS) & (depth < _KINECT_REACH_M), depth, 0)


@dataclass(frozen=True)
class Decoder:
    """How one depth format is read.

    Attributes:
        formula: What the file value means, for people.
        read: From path to array of file values.
        to_metres: From file values and the sample's ``depth_scale`` (1 where the format needs none) to metres.
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
    'sunrgbd': Decoder(
        'uint16 rotated by three bits (SUN RGB-D): d = ((raw >> 3) | (raw << 13)) / 1000',
        _read_uint16,
        lambda raw, scale: _rotate_right_3(raw) / np.float32(1000),
    ),
    'sunrgbd_doubled': Decoder(
        "SUN RGB-D at twice its value, as the authors' segmentation read it: d = ((raw >> 3) | (raw << 13)) / 500",
        _read_uint16,
        lambda raw, scale: _rotate_right_3(raw) / np.float32(500),
    ),
    'apc': Decoder(
        'uint16 rotated by three bits (Amazon Picking Challenge): d = ((raw >> 3) | (raw << 13)) / 10000',
        _read_uint16,
        lambda raw, scale: _rotate_right_3(raw) / np.float32(10000),
    ),
    'bop': Decoder(
        "uint16 with the frame's depth_scale in millimetres (BOP): d = raw * depth_scale / 1000",
        _read_uint16,
        lambda raw, scale: raw * np.float32(scale / 1000),
    ),
    'cityscapes': Decoder(
        "uint16 disparity: d = 0.209313 * 2262.52 / ((raw - 1) / 256), times the frame's depth_scale, missing beyond "
        '150 m',
        _read_uint16,
        _disparity_to_metres,
    ),
    'nyu_raw': Decoder(
        "uint16 disparity of the first Kinect (NYUv2's raw sequences): d = 0.1236 tan(raw / 2842.5 + 1.1863), missing "
        'beyond 15 m',
        _read_uint16,
        lambda raw, scale: _kinect_to_metres(raw),
    ),
    'exr': Decoder('OpenEXR, float metres, one channel or three alike: d = raw', _read_float, lambda raw, scale: raw),
    'pfm': Decoder('portable float map, metres: d = raw', _read_float, lambda raw, scale: raw),
    'npy': Decoder('numpy file, (H, W) float metres: d = raw', _read_npy, lambda raw, scale: raw),
    'float_mm': Decoder(
        'OpenEXR, portable float map or TIFF of float millimetres: d = raw / 1000',
        _read_float,
        lambda raw, scale: raw / np.float32(1000),
    ),
    'npy_mm': Decoder(
        'numpy file, (H, W) millimetres: d = raw / 1000', read_npy, lambda raw, scale: raw / np.float32(1000)
    ),
}
FLOAT_FORMATS = ('exr', 'pfm', 'npy')  # metres, by the ending of a file


def get_decoder(name: str) -> Decoder:
    """Look a decoder up by name.

    Raises:
        ConfigError: If there is none of that name.
    """
    if not isinstance(name, str) or name not in DECODERS:
        raise ConfigError(f'unknown depth decoder {name!r}: choose one of {", ".join(sorted(DECODERS))}')
    return DECODERS[name]


def decoder_of(path: str | Path) -> str:
    """The format that the ending of a file suggests: ``npy``, ``pfm``, ``exr``, else millimetres (``mm16``)."""
    ending = Path(path).suffix.lower().lstrip('.')
    return ending if ending in FLOAT_FORMATS else 'mm16'


def depth_shape(path: str | Path, decoder: str, depth_scale: float | None = None) -> tuple[int, int]:
    """(height, width) of a depth file.

    Of a PNG out of its first and last bytes, so that a large dataset can be looked at.

    Raises:
        DepthFileError: If the file is missing, truncated, or not what its decoder expects.
    """
    if get_decoder(decoder).read is not _read_uint16:
        return read_depth(path, decoder, depth_scale).shape
    header = look_at_raster(path)
    if header.kind != 'PNG':
        return read_depth(path, decoder, depth_scale).shape
    if header.mode not in ('I;16', 'I'):
        raise DepthFileError(
            f'{shown(path)}: a PNG of mode {header.mode} where 16-bit depth is expected: it holds no metric depth'
        )
    return header.shape


def read_depth(path: str | Path, decoder: str, depth_scale: float | None = None) -> np.ndarray:
    """Read a depth file.

    Args:
        path: Depth file.
        decoder: Name of the format, a key of ``DECODERS``.
        depth_scale: Factor of the frame where the format has one (``bop``, which needs it).

    Returns:
        (H, W) float32 metres, 0 = missing; NaN, infinite and negative values of the file are missing, as are the
        largest 16-bit value, which is a clipped one, and what lies 10 km away or farther (choices of this
        implementation).

    Raises:
        DepthFileError: If the file is missing, truncated, or holds something else than its decoder expects.
        ConfigError: If the decoder is unknown, or needs a factor that is not known.
    """
    form, path = get_decoder(decoder), str(path)
    if depth_scale is None:
        if decoder == 'bop':
            raise ConfigError(
                f'{shown(path)}: mmvd.BOPDataset alone knows millimetres per step: take mm16, or div10000 (YCB-V)'
            )
        depth_scale = 1.0
    if not (isinstance(depth_scale, (int, float)) and _SCALES[0] <= depth_scale <= _SCALES[1]):
        raise DepthFileError(
            f'{shown(path)}: depth_scale is {depth_scale!r} where millimetres per step are expected, {_SCALES[0]:g} to '
            f'{_SCALES[1]:g}'
        )
    with np.errstate(over='ignore'):
        depth = form.to_metres(form.read(path), depth_scale).astype(np.float32)
    depth = np.where(np.isfinite(depth) & (depth > 0), depth, np.float32(0))
    found = np.where(depth < FARTHEST_M, depth, np.float32(0))
    odd = suspicion(found) or ('nothing nearer than 10 km' if depth.any() and not found.any() else None)
    if odd and (form.read is not _read_uint16 or not found.any()):
        _warn_of(decoder, shown(path), odd)
    return found


def to_millimetres(depth_m: np.ndarray) -> np.ndarray:
    """(H, W) metres -> uint16 as ``mm16`` reads it; what 16 bits cannot hold is missing (0), as everywhere."""
    millimetres = np.rint(depth_m.astype(np.float64) * 1000)
    return np.where((millimetres > 0) & (millimetres < _CLIPPED), millimetres, 0).astype(np.uint16)
