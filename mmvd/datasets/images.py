"""What the head of an image file tells, and whether the file is whole."""
import os

from PIL import ExifTags, Image

from mmvd.errors import SampleError

PNG_END = b'IEND\xaeB`\x82'
_ENDS = dict(PNG=PNG_END, JPEG=b'\xff\xd9')
TAIL_BYTES = 64


def look_at_image(path: str) -> tuple[tuple[int, int], bool]:
    """Judge an image by its first and last bytes.

    Returns:
        (height, width), turned as the EXIF data say, and whether they say so.

    Raises:
        SampleError: If the file is missing, unreadable or truncated.
    """
    if not os.path.isfile(path):
        raise SampleError(f'{path}: no such image')
    try:
        with Image.open(path) as image:
            if image.format not in _ENDS or _ENDS[image.format] not in tail(path):
                image.load()  # cut, or something behind its end, or a format without one: only decoding tells
            orientation, (width, height) = _orientation(image.info.get('exif', b'')), image.size
            return ((width, height) if orientation >= 5 else (height, width)), orientation > 1
    except (OSError, SyntaxError) as error:  # the latter for a broken PNG chunk
        raise SampleError(f'{path}: no readable image ({error}), copy or export the file again') from error


def _orientation(data: bytes) -> int:
    """What EXIF data say, as OpenCV understands them: not what XMP says, and nothing if they are damaged."""
    exif = Image.Exif()
    try:
        exif.load(data)
    except SyntaxError:
        return 1
    return exif.get(ExifTags.Base.Orientation, 1)


def tail(path: str) -> bytes:
    """The last bytes of a file."""
    with open(path, 'rb') as file:
        file.seek(max(os.path.getsize(path) - TAIL_BYTES, 0))
        return file.read()
