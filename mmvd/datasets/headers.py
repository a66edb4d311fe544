"""What the head of an image file says, read before anything is allocated for its pixels."""

import io
import re
import struct
from dataclasses import dataclass, replace

from PIL import ExifTags, Image, UnidentifiedImageError

MAX_PIXELS = 2 * Image.MAX_IMAGE_PIXELS  # Pillow's own limit against decompression bombs
_PFM = re.compile(rb'(P[fF])\s+(\S{1,20})\s+(\S{1,20})\s+(\S{1,30})(?:\r\n|\n|\r|\s)')
_PNG_BITS = 24  # place of the byte in a file
_EXR_MAGIC, _EXR_WINDOW = b'\x76\x2f\x31\x01', b'dataWindow\x00box2i\x00\x10\x00\x00\x00'


@dataclass(frozen=True)
class Header:
    """What is known of a raster before it is decoded.

    Attributes:
        kind: ``'PNG'``, ``'JPEG'``, ``'EXR'``, ``'PFM'`` or Pillow's name of another format.
        shape: (height, width) as stored.
        mode: Pillow's name of the channels, e.g. ``'RGB'``, ``'L'``, ``'P'``, ``'CMYK'``.
        orientation: EXIF orientation, 1 (upright) to 8.
        frames: Number of frames; more than one of an animation or a document.
        bits: Of a value, as a PNG stores it; 0 where the format or the mode tells.
    """

    kind: str
    shape: tuple[int, int]
    mode: str = ''
    orientation: int = 1
    frames: int = 1
    bits: int = 0

    @property
    def upright_shape(self) -> tuple[int, int]:
        """(height, width) after the turn that EXIF asks for."""
        return self.shape[::-1] if self.orientation >= 5 else self.shape


def parse_header(file: io.BufferedIOBase) -> Header:
    """Read the head of an image.

    Args:
        file: Open for reading, at its start; of a file on disk only the head is read.

    Raises:
        ValueError: If it is of no known format, or its size is none or absurd; says what is wrong.
    """
    start = file.read(4096)
    if not start:
        raise ValueError('the file is empty')
    file.seek(0)
    if start[:2] in (b'Pf', b'PF'):
        header = Header('PFM', pfm_layout(start)[0])
    elif start[:4] == _EXR_MAGIC:
        header = Header('EXR', _exr_shape(start))
    else:
        header = _ask_pillow(file)
        header = replace(header, bits=start[_PNG_BITS]) if header.kind == 'PNG' else header
    if min(header.shape) < 1 or header.shape[0] * header.shape[1] > MAX_PIXELS:
        raise ValueError(f'its header says {header.shape[1]} x {header.shape[0]} pixels')
    return header


def pfm_layout(start: bytes) -> tuple[tuple[int, int], int, str, int]:
    """Layout of a portable float map: (height, width), channels, dtype, and where the values begin.

    Raises:
        ValueError: If the header is damaged, or scales the values: the field of that name is no unit that readers agree
            on.
    """
    found = _PFM.match(start)
    if found is None:
        raise ValueError('no header of a portable float map')
    try:
        width, height, scale = int(found[2]), int(found[3]), float(found[4])
    except ValueError as error:
        raise ValueError(f'damaged header of a portable float map ({error})') from error
    if abs(scale) != 1:
        raise ValueError(f'the scale in its header is {scale:g} where 1 or -1 is expected: store plain metres')
    return (height, width), 3 if found[1] == b'PF' else 1, '<f4' if scale < 0 else '>f4', found.end()


def _exr_shape(start: bytes) -> tuple[int, int]:
    place = start.find(_EXR_WINDOW)
    box = start[place + len(_EXR_WINDOW) :][:16] if place >= 0 else b''
    if len(box) < 16:
        raise ValueError('no data window in the header of this OpenEXR file')
    left, top, right, bottom = struct.unpack('<4i', box)
    return bottom - top + 1, right - left + 1


def _ask_pillow(file: io.BufferedIOBase) -> Header:
    try:
        with Image.open(file) as image:
            kind = 'JPEG' if image.format == 'MPO' else image.format
            if kind == 'TIFF' and image.tag_v2.get(ExifTags.Base.Orientation, 1) != 1:
                raise ValueError('a TIFF whose orientation tag turns it: decoders differ in it, save it upright')
            orientation = exif_orientation(image.info.get('exif', b''))
            return Header(kind, image.size[::-1], image.mode, orientation, frames_of(image))
    except UnidentifiedImageError as error:
        raise ValueError('of no known image format, or truncated in its header') from error
    except Image.DecompressionBombError as error:
        raise ValueError(f'its header asks for more than {MAX_PIXELS} pixels') from error
    except Exception as error:  # what its plug-ins raise at hostile bytes has no common class
        raise ValueError(str(error).replace('\n', ' ') or type(error).__name__) from error


def exif_orientation(data: bytes) -> int:
    """What EXIF data say, 1 to 8, as OpenCV understands them: not what XMP says, and nothing if they are damaged."""
    exif = Image.Exif()
    try:
        exif.load(data)
        value = exif.get(ExifTags.Base.Orientation, 1)
    except Exception:  # as above; a damaged note turns no image
        return 1
    return known_orientation(value)


def known_orientation(value: object) -> int:
    """An orientation of EXIF, 1 to 8; a value that the standard does not have turns nothing."""
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def frames_of(image: Image.Image) -> int:
    """Frames of an animation or a document; the previews that phones add behind a photo (MPO) are none."""
    return 1 if image.format in ('JPEG', 'MPO') else getattr(image, 'n_frames', 1)
