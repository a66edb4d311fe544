"""Bad image, depth and label files, as bytes."""

import io
import struct
import zlib

import cv2
import numpy as np
from PIL import Image

import mmvd.datasets.rasters  # noqa: F401  lets OpenCV write EXR

RGB = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
MM = np.random.default_rng(1).integers(500, 5000, (24, 32), dtype=np.uint16)


def encode(array: np.ndarray, ending: str) -> bytes:
    return cv2.imencode(f'.{ending}', array)[1].tobytes()


def by_pillow(image: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png_chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack('>I', len(data)) + name + data + struct.pack('>I', zlib.crc32(name + data))


def png_of_size(width: int, height: int, bits: int = 16, colour: int = 0) -> bytes:
    head = struct.pack('>IIBBBBB', width, height, bits, colour, 0, 0, 0)
    pixels = png_chunk(b'IDAT', zlib.compress(b'\0' * 64))
    return b'\x89PNG\r\n\x1a\n' + png_chunk(b'IHDR', head) + pixels + png_chunk(b'IEND', b'')


def flipped(data: bytes, place: float) -> bytes:
    damaged = bytearray(data)
    damaged[int(place * (len(data) - 1))] ^= 0x55
    return bytes(damaged)


def pfm(head: bytes, values: np.ndarray | None = None) -> bytes:
    return head + (np.full((24, 32), 2, '<f4') if values is None else values).tobytes()


def npy(array: np.ndarray, **options) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, **options)
    return buffer.getvalue()


def npy_header(text: str) -> bytes:
    head = text.encode() + b'\n'
    return b'\x93NUMPY\x01\x00' + struct.pack('<H', len(head)) + head + b'\0' * 64


def npy_of_shape(shape: str) -> bytes:
    return npy_header(f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}}}")


def exr_of_size(side: int) -> bytes:
    window = b'dataWindow\0box2i\0' + struct.pack('<5i', 16, 0, 0, side - 1, side - 1)
    return b'\x76\x2f\x31\x01\2\0\0\0' + window


def npz(**arrays) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def animated(kind: str) -> bytes:
    frames = [Image.fromarray(RGB), Image.fromarray(RGB[::-1].copy())]
    return by_pillow(frames[0], kind, save_all=True, append_images=frames[1:])


def worded_exif() -> bytes:
    """EXIF data whose orientation is a text."""
    entry = struct.pack('<HHII', 0x0112, 2, 9, 26)
    head = b'Exif\0\0II*\0' + struct.pack('<IH', 8, 1)
    return head + entry + struct.pack('<I', 0) + b'sideways\0'


def turned(kind: str, value: int = 6) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = value
    return by_pillow(Image.fromarray(RGB), kind, exif=exif)


PNG, JPEG = encode(RGB, 'png'), encode(RGB, 'jpg')
WEBP, BMP, TIFF = encode(RGB, 'webp'), encode(RGB, 'bmp'), encode(RGB, 'tiff')
DEPTH_PNG, DEPTH_TIFF = encode(MM, 'png'), encode(MM, 'tiff')

IMAGES = [  # bytes, a word of the message
    ('empty.png', b'', 'the file is empty'),
    ('empty.jpg', b'', 'the file is empty'),
    ('text.png', b'hello world' * 30, 'no readable image'),
    ('zeros.jpg', b'\0' * 500, 'no readable image'),
    ('html.jpg', b'<!DOCTYPE html><html>not found</html>', 'no readable image'),
    ('head_only.png', PNG[:33], 'truncated in its header'),
    ('turned.tiff', turned('TIFF'), 'save it upright'),
    ('half.png', PNG[: len(PNG) // 2], 'truncated'),
    ('no_end.png', PNG[:-12], 'truncated'),
    ('idat.png', flipped(PNG, 0.5), 'checksum of its chunk IDAT'),
    ('ihdr.png', flipped(PNG, 20 / len(PNG)), 'checksum of its chunk IHDR|no readable image'),
    ('lying.png', png_of_size(32, 24, 8, 2), 'no readable image'),
    ('huge.png', png_of_size(100000, 100000, 8, 2), 'pixels'),
    ('bomb.png', png_of_size(60000, 60000, 8, 2), 'pixels'),
    ('flat.png', png_of_size(0, 10, 8, 2), 'no readable image'),
    ('half.jpg', JPEG[: len(JPEG) // 2], 'no readable image'),
    ('head.jpg', JPEG[:20], 'no readable image'),
    ('middle.jpg', JPEG[:400] + b'\xff\xd0\x12' * 20 + JPEG[460:], 'no readable image'),
    ('half.webp', WEBP[: len(WEBP) // 2], 'no readable image'),
    ('half.bmp', BMP[: len(BMP) // 2], 'no readable image'),
    ('half.tiff', TIFF[: len(TIFF) // 2], 'no readable image'),
    ('cmyk.jpg', by_pillow(Image.new('CMYK', (8, 8), (9, 9, 9, 9)), 'JPEG'), 'CMYK'),
    ('cmyk.tiff', by_pillow(Image.new('CMYK', (8, 8), (9, 9, 9, 9)), 'TIFF'), 'CMYK'),
    ('animated.gif', animated('GIF'), '2 frames'),
    ('animated.webp', animated('WEBP'), '2 frames'),
    ('animated.png', animated('PNG'), '2 frames'),
    ('pages.tiff', animated('TIFF'), '2 frames'),
    ('depth.png', DEPTH_PNG, '8-bit colour is expected'),
    ('rgb16.png', encode(RGB.astype(np.uint16) * 257, 'png'), '8-bit colour is expected'),
    ('float.tiff', encode(RGB.astype(np.float32), 'tiff'), 'no known image format'),
    ('float.exr', encode(RGB.astype(np.float32), 'exr'), '8-bit colour is expected'),
]

DEPTHS = [  # decoder, bytes, a word of the message
    ('mm16', 'empty.png', b'', 'the file is empty'),
    ('mm16', 'text.png', b'depth' * 99, 'no readable depth'),
    ('mm16', 'half.png', DEPTH_PNG[: len(DEPTH_PNG) // 2], 'truncated'),
    ('mm16', 'idat.png', flipped(DEPTH_PNG, 0.5), 'checksum'),
    ('mm16', 'colour.png', PNG, '3 channels where depth has one'),
    ('mm16', 'rgba16.png', encode(np.zeros((9, 9, 4), np.uint16), 'png'), 'channels where depth has one'),
    ('mm16', 'eight.png', encode(RGB[..., 0], 'png'), '16-bit depth is expected'),
    ('mm16', 'lossy.jpg', encode(RGB[..., 0], 'jpg'), '16-bit depth is expected'),
    ('mm16', 'huge.png', png_of_size(100000, 100000), 'pixels'),
    ('mm16', 'bomb.png', png_of_size(60000, 60000), 'pixels'),
    ('mm16', 'half.tiff', DEPTH_TIFF[: len(DEPTH_TIFF) // 2], 'no readable depth'),
    ('mm16', 'float.tiff', encode(MM.astype(np.float32), 'tiff'), '16-bit depth is expected'),
    ('div10000', 'eight.png', encode(RGB[..., 0], 'png'), '16-bit depth is expected'),
    ('cityscapes', 'colour.png', PNG, 'channels'),
    ('sunrgbd', 'text.png', b'x', 'no readable depth'),
    ('exr', 'empty.exr', b'', 'the file is empty'),
    ('exr', 'magic.exr', b'\x76\x2f\x31\x01' + b'\0' * 90, 'no data window'),
    ('exr', 'half.exr', encode(MM.astype(np.float32), 'exr')[:700], 'no readable depth'),
    ('exr', 'window.exr', exr_of_size(100000), 'pixels'),
    ('exr', 'colours.exr', encode(RGB.astype(np.float32), 'exr'), 'three different channels'),
    ('exr', 'int.png', DEPTH_PNG, 'floating-point metres are expected'),
    ('pfm', 'empty.pfm', b'', 'the file is empty'),
    ('pfm', 'zero.pfm', pfm(b'Pf\n0 24\n-1\n'), 'pixels'),
    ('pfm', 'negative.pfm', pfm(b'Pf\n-32 24\n-1\n'), 'pixels'),
    ('pfm', 'words.pfm', pfm(b'Pf\nwide high\n-1\n'), 'damaged header'),
    ('pfm', 'petabytes.pfm', pfm(b'Pf\n99999999 99999999\n-1\n'), 'pixels'),
    ('pfm', 'scaled.pfm', pfm(b'Pf\n32 24\n-1000\n'), 'the scale in its header is -1000'),
    ('pfm', 'scale0.pfm', pfm(b'Pf\n32 24\n0\n'), 'the scale in its header is 0'),
    ('pfm', 'scale_nan.pfm', pfm(b'Pf\n32 24\nnan\n'), 'the scale in its header is nan'),
    ('pfm', 'short.pfm', pfm(b'Pf\n32 24\n-1\n')[:-9], 'bytes of values'),
    ('pfm', 'colours.pfm', b'PF\n8 8\n-1\n' + np.arange(192, dtype='<f4').tobytes(), 'three different channels'),
    ('pfm', 'nohead.pfm', b'Pf', 'no header|damaged'),
    ('npy', 'empty.npy', b'', 'not a numpy array'),
    ('npy', 'text.npy', b'not numpy at all', 'not a numpy array'),
    ('npy', 'archive.npy', npz(a=np.ones((3, 3))), 'not a numpy array'),
    ('npy', 'objects.npy', npy(np.array([[None]]), allow_pickle=True), 'not a plain numpy array'),
    ('npy', 'ints.npy', npy(MM), 'floating-point array of metres is expected'),
    ('npy', 'cube.npy', npy(np.ones((2, 3, 4))), 'floating-point array of metres is expected'),
    ('npy', 'none.npy', npy(np.ones((0, 4))), 'floating-point array of metres is expected'),
    ('npy', 'complex.npy', npy(np.ones((3, 4), complex)), 'floating-point array of metres is expected'),
    ('npy', 'words.npy', npy(np.array([['a']])), 'floating-point array of metres is expected|not a plain'),
    ('npy', 'half.npy', npy(np.ones((9, 9)))[:-200], 'not a plain numpy array'),
    ('npy', 'huge.npy', npy_of_shape('(9999999, 99999999)'), 'not a plain'),
    ('npy', 'junk.npy', npy_header('{"descr": [[[['), 'not a plain numpy array'),
    ('npy', 'negative.npy', npy_of_shape('(-1, 4)'), 'not a plain|expected'),
    ('npy', 'version.npy', b'\x93NUMPY\x09\x09' + b'\0' * 90, 'not a plain numpy array'),
]  # fmt: skip

LABELS = [
    ('empty.png', b'', 'the file is empty'),
    ('half.png', encode(RGB[..., 0], 'png')[:300], 'truncated'),
    ('colour.png', PNG, '3 channels where a label map has one'),
    ('text.png', b'labels', 'no readable label'),
    ('huge.png', png_of_size(100000, 100000, 8), 'pixels'),
]
