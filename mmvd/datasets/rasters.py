"""The one door through which image files come in: read whole, judged by their head, decoded, or named in one line."""

import io
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from mmvd.errors import DepthFileError, MMVDError, SampleError

from .archives import is_file, read_bytes, split
from .headers import Header, parse_header, pfm_layout

os.environ.setdefault('OPENCV_IO_ENABLE_OPENEXR', '1')  # OpenCV looks before it opens its first EXR file
import cv2  # noqa: E402
import simplejpeg  # noqa: E402

_ERRORS = {'image': SampleError, 'depth': DepthFileError, 'label': SampleError}
# 16 bits, floats; of the others Pillow decodes what it knows, and notices if the end lacks
_BY_OPENCV = ('PNG', 'EXR', 'TIFF', 'PPM')
_PNG_START, _PNG_END, _JPEG_END, _TAIL_BYTES = b'\x89PNG\r\n\x1a\n', b'IEND\xaeB`\x82', b'\xff\xd9', 64
_TURNS = {  # EXIF orientation: quarter turns against the clock, then whether to mirror left and right
    2: (0, True), 3: (2, False), 4: (2, True), 5: (3, True), 6: (3, False), 7: (1, True), 8: (1, False),
}  # fmt: skip
_LONGEST, _BEGINNING = 4096, 80  # letters of a path; of what is none, a file's content


def shown(path: str | Path) -> str:
    """A path for one line of text: line breaks and bytes that are no text are escaped, what is no path is cut."""
    text = str(path)
    text = text if text.isprintable() else text.encode('unicode_escape', 'surrogateescape').decode()
    return text if len(text) <= _LONGEST else f'{text[:_BEGINNING]}... (no path, but {len(text)} letters)'


def read_raster(path: str | Path) -> np.ndarray:
    """Read an image file of depth as it is stored: (H, W) or (H, W, C), channels in BGR order.

    Args:
        path: File; its name may be any bytes.

    Raises:
        DepthFileError: If it is missing, empty, truncated, damaged, absurdly large, or no image.
    """
    return _decode(path, 'depth')[0]


def read_image(path: str | Path, allow_cmyk: bool = False) -> tuple[np.ndarray, bool]:
    """Read a colour image, turned as its EXIF data say.

    Args:
        path: File.
        allow_cmyk: Whether print colours are converted, roughly; else they are an error.

    Returns:
        (H, W, 3) uint8 in OpenMMLab's BGR order, and whether EXIF data turn or mirror it.

    Raises:
        SampleError: If it is missing, damaged, animated, in print colours, or of more than eight bits.
    """
    image, header = _decode(path, 'image')
    check_colours(header, path, allow_cmyk)
    if image.dtype != np.uint8:
        raise _deep(path, image.dtype)
    image = np.repeat(image[..., None], 3, 2) if image.ndim == 2 else image[..., :3]
    if header.orientation > 1:
        turns, mirror = _TURNS[header.orientation]
        image = np.rot90(image, turns)
        image = image[:, ::-1] if mirror else image
    return np.ascontiguousarray(image), header.orientation > 1


def check_colours(header: Header, path: str | Path, allow_cmyk: bool = False) -> None:
    """Refuse an image whose header says what no 8-bit image in RGB says.

    Raises:
        SampleError: If it is in print colours and they are not allowed, or has more than eight bits.
    """
    if header.mode == 'CMYK' and not allow_cmyk:
        raise SampleError(f'{shown(path)}: an image in print colours (CMYK): convert it to RGB')
    if header.bits > 8 or header.mode.startswith(('I', 'F')):
        raise _deep(path, f'{header.bits} bits' if header.bits else f'mode {header.mode}')


def _deep(path: str | Path, found: object) -> SampleError:
    return SampleError(
        f'{shown(path)}: {found} where 8-bit colour is expected: convert the image, or is it a depth file?'
    )


def check_upright(turns: bool, name: str) -> None:
    """Refuse an image that EXIF data turn away from what belongs to it.

    Raises:
        SampleError: If it does.
    """
    if turns:
        raise SampleError(
            f'{name}: its EXIF data turn or mirror it, which its depth and labels know nothing of: save it upright'
        )


def read_labels(path: str | Path) -> np.ndarray:
    """Read a label map as it is stored, (H, W): the indices of a palette, not its colours.

    Raises:
        SampleError: If the file is missing or damaged, or holds colours.
    """
    labels, _ = _decode(path, 'label', _indices)
    if labels.ndim != 2:
        raise SampleError(
            f'{shown(path)}: {labels.shape[2]} channels where a label map has one: a coloured picture is no label map'
        )
    if labels.dtype.kind not in 'bui':
        raise SampleError(f'{shown(path)}: {labels.dtype} where whole numbers of classes are expected')
    return labels.astype(np.uint8) if labels.dtype == bool else labels


def look_at_image(path: str | Path) -> tuple[tuple[int, int], bool]:
    """Judge an image by its first and last bytes, or by decoding it where those do not tell.

    Returns:
        (height, width), turned as the EXIF data say, and whether they say so.

    Raises:
        SampleError: If the file is missing, unreadable or truncated.
    """
    header = look_at_raster(path, 'image')
    return header.upright_shape, header.orientation > 1


def is_turned(path: str | Path) -> bool:
    """Whether the EXIF data of an image turn or mirror it; nothing else of it is judged."""
    try:
        with open(path, 'rb') as file:
            return parse_header(file).orientation > 1
    except (OSError, ValueError):  # told by whoever decodes it; no host's transform reads archives
        return False


def look_at_raster(path: str | Path, what: str = 'depth') -> Header:
    """The header of a file whose end is there too; formats without an end are decoded.

    Raises:
        DepthFileError: For depth, if it is missing, truncated or unreadable.
        SampleError: For images and labels, likewise.
    """
    _check_is_file(path, what)
    try:
        with open(path, 'rb') if split(path) is None else io.BytesIO(read_bytes(path)) as file:
            header = parse_header(file)
            file.seek(max(file.seek(0, os.SEEK_END) - _TAIL_BYTES, 0))
            ends = {'PNG': _PNG_END, 'JPEG': _JPEG_END}.get(header.kind)
            is_whole = ends is not None and ends in file.read()
    except (OSError, ValueError) as problem:
        raise _unreadable(path, problem, what) from problem
    if not is_whole:
        _decode(path, what)
    return header


def _decode(path: str | Path, what: str, decode: Callable | None = None) -> tuple[np.ndarray, Header]:
    """Pixels and header of a file; ``decode`` is another way from (bytes, header) to pixels."""
    _check_is_file(path, what)
    try:
        data = read_bytes(path)
        header = parse_header(io.BytesIO(data))
        if header.kind == 'PNG':
            _check_png(data)
        image = (decode or _pixels)(data, header)
    except MemoryError as problem:
        raise _ERRORS[what](f'{shown(path)}: does not fit into memory') from problem
    except (OSError, ValueError, SyntaxError, cv2.error, struct.error) as problem:
        raise _unreadable(path, problem, what) from problem
    if header.frames > 1:
        raise _ERRORS[what](
            f'{shown(path)}: {header.frames} frames, an animation or a document: save one of them as an image'
        )
    if what != 'image' and header.orientation > 1:
        raise _ERRORS[what](f'{shown(path)}: its EXIF data turn or mirror it: save it upright')
    if image.shape[:2] != header.shape:
        raise _unreadable(path, f'{image.shape[:2]} pixels where its header says {header.shape}', what)
    return image, header


def _check_is_file(path: str | Path, what: str) -> None:
    if not is_file(path):
        found = 'a broken link, ' if os.path.islink(path) else 'a folder, ' if os.path.isdir(path) else ''
        raise _ERRORS[what](f'{shown(path)}: {found}no such {what} file')


def _unreadable(path: str | Path, problem: object, what: str) -> MMVDError:
    reason = ' '.join(str(problem).split())
    return _ERRORS[what](f'{shown(path)}: no readable {what} file ({reason}), copy or export the file again')


def _pixels(data: bytes, header: Header) -> np.ndarray:
    if header.kind == 'JPEG':
        return _jpeg(data, header)
    if header.kind == 'PFM':
        return _pfm(data)
    if header.kind not in _BY_OPENCV:
        return np.ascontiguousarray(_by_pillow(data, 'RGB')[..., ::-1])
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise ValueError('OpenCV cannot decode it')
    return image


def _indices(data: bytes, header: Header) -> np.ndarray:
    if header.kind == 'JPEG':
        raise ValueError('a JPEG changes the values of labels')
    if header.kind == 'PNG' and cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) is None:
        raise ValueError('rows are missing')  # Pillow fills them with zeros
    labels = _by_pillow(data)
    is_stretched = header.mode == 'L' and 1 < header.bits < 8  # grey of 2 or 4 bits comes with 255 for its highest
    return labels // (255 // (2**header.bits - 1)) if is_stretched else labels


def _by_pillow(data: bytes, mode: str | None = None) -> np.ndarray:
    try:
        with Image.open(io.BytesIO(data)) as image:
            return np.asarray(image.convert(mode) if mode else image)
    except MemoryError:
        raise
    except Exception as error:  # what its plug-ins raise at damaged bytes has no common class
        raise ValueError(str(error) or type(error).__name__) from error


def _jpeg(data: bytes, header: Header) -> np.ndarray:
    """By a decoder that raises where libjpeg only warns, and fills with grey."""
    image = simplejpeg.decode_jpeg(data, 'GRAY' if header.mode == 'L' else 'BGR')
    return image[..., 0] if header.mode == 'L' else image


def _pfm(data: bytes) -> np.ndarray:
    (height, width), channels, dtype, start = pfm_layout(data[:4096])
    count = height * width * channels
    if len(data) - start < 4 * count:
        raise ValueError(f'{len(data) - start} bytes of values where its header asks for {4 * count}')
    values = np.frombuffer(data, dtype, count, start).reshape((height, width, channels)[: 2 if channels == 1 else 3])
    return values[::-1].astype(np.float32)  # the bottom row comes first


def _check_png(data: bytes) -> None:
    """Walk over the chunks: libpng fills what is lacking or damaged with zeros, without a word.

    Raises:
        ValueError: If one is damaged or the last one lacks.
    """
    view, start = memoryview(data), len(_PNG_START)
    while start + 12 <= len(data):
        (length,) = struct.unpack_from('>I', data, start)
        name, end = data[start + 4 : start + 8], start + 8 + length
        if end + 4 > len(data):
            break
        if zlib.crc32(view[start + 4 : end]) != struct.unpack_from('>I', data, end)[0]:
            raise ValueError(f'damaged PNG, the checksum of its chunk {name.decode("latin-1")} is wrong')
        if name == b'IEND':
            return
        start = end + 4
    raise ValueError('truncated PNG')
