"""Every bad file ends in a typed, one-line error that names it; every odd but good one is read."""

import os

import cv2
import numpy as np
import pytest
from PIL import Image

from mmvd.datasets import decoders
from mmvd.datasets.decoders import depth_shape, read_depth
from mmvd.datasets.rasters import look_at_image, read_image, read_labels
from mmvd.errors import DepthFileError, SampleError
from tests.conftest import logged

from . import files


def ids(rows):
    return [next(each for each in row if isinstance(each, str) and '.' in each) for row in rows]


def place(tmp_path, name: str, data: bytes):
    path = tmp_path / name
    path.write_bytes(data)
    return path


def one_line(error, name: str) -> None:
    text = str(error.value)
    assert name in text and '\n' not in text and len(text) < 500


@pytest.mark.parametrize('name, data, match', files.IMAGES, ids=ids(files.IMAGES))
def test_images(tmp_path, name, data, match):
    path = place(tmp_path, name, data)
    with pytest.raises(SampleError, match=match) as error:
        read_image(path)
    one_line(error, name)


@pytest.mark.parametrize('decoder, name, data, match', files.DEPTHS, ids=ids(files.DEPTHS))
def test_depth(tmp_path, decoder, name, data, match):
    path = place(tmp_path, name, data)
    with pytest.raises(DepthFileError, match=match) as error:
        read_depth(path, decoder)
    one_line(error, name)
    if name not in ('idat.png', 'huge.npy'):  # the quick look reads heads and ends, not what lies between
        with pytest.raises(DepthFileError):
            depth_shape(path, decoder)


@pytest.mark.parametrize('name, data, match', files.LABELS, ids=ids(files.LABELS))
def test_labels(tmp_path, name, data, match):
    path = place(tmp_path, name, data)
    with pytest.raises(SampleError, match=match) as error:
        read_labels(path)
    one_line(error, name)


@pytest.mark.parametrize('what', ['folder', 'broken link', 'nothing', 'nul', 'loop'])
@pytest.mark.parametrize('reader, error', [(read_image, SampleError), (read_labels, SampleError)])
def test_what_is_no_file(tmp_path, what, reader, error):
    path = tmp_path / 'a.png'
    if what == 'folder':
        path.mkdir()
    elif what == 'broken link':
        path.symlink_to(tmp_path / 'gone.png')
    elif what == 'loop':
        path.symlink_to(path)
    with pytest.raises(error, match='no such'):
        reader(str(path) + '\0' if what == 'nul' else path)
    with pytest.raises(DepthFileError, match='no such'):
        read_depth(str(path) + '\0' if what == 'nul' else path, 'mm16')
    with pytest.raises(DepthFileError, match='no such'):
        read_depth(str(path) + '\0' if what == 'nul' else path, 'npy')


def test_files_that_may_not_be_read(tmp_path):
    if os.geteuid() == 0:
        pytest.skip('root reads everything')
    path = place(tmp_path, 'a.png', files.PNG)
    path.chmod(0)
    with pytest.raises(SampleError, match='Permission denied'):
        read_image(path)


GOOD = [
    ('trailing.png', files.PNG + b'\0' * 100),
    ('gray.png', files.encode(files.RGB[..., 0], 'png')),
    ('gray.jpg', files.encode(files.RGB[..., 0], 'jpg')),
    ('rgba.png', files.encode(np.dstack((files.RGB, files.RGB[..., 0])), 'png')),
    ('palette.gif', files.by_pillow(Image.fromarray(files.RGB).convert('P'), 'GIF')),
    ('one_bit.png', files.by_pillow(Image.fromarray(files.RGB).convert('1'), 'PNG')),
    ('behind.jpg', files.JPEG + b'SEFT' * 50),
    ('exif_text.jpg', files.by_pillow(Image.fromarray(files.RGB), 'JPEG', exif=files.worded_exif())),
    ('plain.tiff', files.TIFF),
    ('plain.bmp', files.BMP),
]


@pytest.mark.parametrize('name, data', GOOD, ids=ids(GOOD))
def test_odd_but_good_images(tmp_path, name, data):
    image, turned = read_image(place(tmp_path, name, data))
    assert image.shape == (24, 32, 3) and image.dtype == np.uint8 and not turned
    assert look_at_image(tmp_path / name) == ((24, 32), False)


@pytest.mark.parametrize('kind', ['JPEG', 'PNG', 'WEBP'])
@pytest.mark.parametrize('orientation', range(1, 9))
def test_turned_images_are_turned_as_opencv_does(tmp_path, kind, orientation):
    path = place(tmp_path, f'a.{kind.lower()}', files.turned(kind, orientation))
    image, is_turned = read_image(path)
    assert is_turned == (orientation > 1) and look_at_image(path) == (image.shape[:2], is_turned)
    if kind in ('JPEG', 'PNG'):  # OpenCV turns no others
        assert np.abs(image.astype(int) - cv2.imread(str(path))).mean() < 1


@pytest.mark.parametrize('head', [b'Pf\n32 24\n-1\n', b'Pf 32 24 -1.0\n', b'Pf\r\n32 24\r\n-1\r\n'])
def test_headers_of_float_maps(tmp_path, head):
    rows = np.arange(24, dtype='<f4').repeat(32).reshape(24, 32) + 1
    depth = read_depth(place(tmp_path, 'a.pfm', files.pfm(head, rows)), 'pfm')
    np.testing.assert_array_equal(depth, rows[::-1])  # the bottom row comes first


def test_implausible_metres_are_told(tmp_path, monkeypatch):
    monkeypatch.setattr(decoders, '_warned', set())
    lines = logged(monkeypatch)
    path = place(tmp_path, 'a.pfm', files.pfm(b'Pf\n32 24\n-1\n', np.full((24, 32), 1119.0, '<f4')))
    for _ in range(2):
        assert read_depth(path, 'pfm').max() == 1119
    assert len(lines) == 1 and 'a.pfm: a median of 1119 m' in lines[0] and 'order of bytes' in lines[0]


@pytest.mark.parametrize('scale', [0, -1, float('nan'), float('inf')])
def test_scales_that_are_none(tmp_path, scale):
    with pytest.raises(DepthFileError, match='depth_scale is'):
        read_depth(place(tmp_path, 'a.png', files.DEPTH_PNG), 'bop', scale)


def test_a_png_with_zeros_behind_its_end_is_whole(tmp_path):
    path = place(tmp_path, 'a.png', files.DEPTH_PNG + b'\0' * 100)
    np.testing.assert_allclose(read_depth(path, 'mm16'), files.MM / 1000, rtol=1e-6)
    assert depth_shape(path, 'mm16') == (24, 32)
