"""The heads and ends of image files, and what a dataset makes of an image that cannot be read."""

import struct

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from mmvd.datasets import RGBDDataset
from mmvd.datasets.rasters import look_at_image, read_image
from mmvd.errors import SampleError


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / 'a.jpg'
    cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8))
    return path


@pytest.mark.parametrize('share', [0.0, 0.02, 0.33, 0.7, 0.99])
@pytest.mark.parametrize('name', ['a.jpg', 'a.png', 'a.bmp', 'a.webp', 'a.tiff', 'a.mpo'])
def test_cut_images(photo, share, name):
    path = photo.with_name(name)
    image = Image.open(photo)
    image.save(
        path, **(dict(save_all=True, append_images=[image]) if name == 'a.mpo' else {})
    )  # two pictures in one JPEG, as some phones write
    assert look_at_image(str(path)) == ((40, 60), False)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    if name == 'a.mpo' and share > 0.5:  # the first picture, which is read, is whole
        assert look_at_image(str(path)) == ((40, 60), False)
        return
    with pytest.raises(SampleError, match=f'{name}: no readable image'):
        look_at_image(str(path))


def test_damage_at_which_pillows_plugins_raise_anything(tmp_path):
    path = tmp_path / 'a.qoi'
    path.write_bytes(b'qoif' + struct.pack('>IIBB', 30, 20, 3, 0) + b'\xfe\1\2\3')  # one pixel of 600
    with pytest.raises(SampleError, match='a.qoi: no readable image'):
        read_image(path)


def test_what_cameras_write_behind_the_end_is_no_damage(photo):
    photo.write_bytes(photo.read_bytes() + b'SEFT' * 100)
    assert look_at_image(str(photo)) == ((40, 60), False)


def test_what_opencv_does_not_turn_is_not_turned(photo):
    Image.open(photo).save(
        photo, xmp=b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><tiff:Orientation>6</tiff:Orientation></x:xmpmeta>'
    )
    assert look_at_image(str(photo)) == ((40, 60), False) and cv2.imread(str(photo)).shape == (40, 60, 3)
    Image.open(photo).save(photo, exif=b'Exif\0\0damaged')
    assert look_at_image(str(photo)) == ((40, 60), False) and cv2.imread(str(photo)).shape == (40, 60, 3)


@pytest.mark.parametrize('name', ['a.jpg', 'a.png'])
@pytest.mark.parametrize('orientation, shape', [(1, (40, 60)), (3, (40, 60)), (6, (60, 40))])
def test_turned_images(photo, name, orientation, shape):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.open(photo).save(photo.with_name(name), exif=exif)
    assert look_at_image(str(photo.with_name(name))) == (shape, orientation != 1)
    assert cv2.imread(str(photo.with_name(name))).shape[:2] == shape  # as OpenCV reads it


def test_dataset_names_an_image_that_cannot_be_read(photo, tmp_path):
    np.save(tmp_path / 'a.npy', np.ones((40, 60), np.float32))
    np.save(tmp_path / 'b.npy', np.ones((40, 60), np.float32))
    (tmp_path / 'l.txt').write_text('a.jpg a.npy\nb.jpg b.npy\n')

    def broken_transform(results):
        raise AssertionError('of its own')

    pipeline = [dict(type='LoadImageFromFile')]
    dataset = RGBDDataset(str(tmp_path), 'npy', ann_file='l.txt', pipeline=pipeline, test_mode=True)
    assert dataset[0]['img'].shape == (40, 60, 3)
    with pytest.raises(SampleError, match='b.jpg: no such image'):
        dataset[1]
    with pytest.raises(
        AssertionError, match='of its own'
    ):  # the image is whole: whatever else is wrong is not called by its name
        RGBDDataset(str(tmp_path), 'npy', ann_file='l.txt', pipeline=[*pipeline, broken_transform], test_mode=True)[0]
    photo.write_bytes(
        photo.read_bytes()[:100]
    )  # the host's reader: some of OpenCV's versions fill what is cut off later
    with pytest.raises(SampleError, match='a.jpg: no readable image'):
        dataset[0]


@pytest.mark.parametrize('orientation', range(1, 9))
@pytest.mark.parametrize('ending', ['png', 'webp'])
def test_every_turn_of_exif(tmp_path, orientation, ending):
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / f'a.{ending}', exif=exif)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(tmp_path / f'a.{ending}')))
    image, turned = read_image(tmp_path / f'a.{ending}')
    assert turned == (orientation > 1) and np.array_equal(image[..., ::-1], expected)


@pytest.mark.parametrize('ending', ['jpg', 'png', 'bmp'])
@pytest.mark.parametrize('mode', ['RGB', 'L'])
def test_colours_and_grey_of_every_format(tmp_path, ending, mode):
    ramp = np.arange(16, dtype=np.uint8)[:, None] * np.ones((1, 24), np.uint8)
    pixels = np.stack((8 * ramp, 200 - 4 * ramp, 30 + 2 * ramp), 2)
    Image.fromarray(pixels).convert(mode).save(
        tmp_path / f'a.{ending}', **(dict(quality=95) if ending == 'jpg' else {})
    )
    expected = np.asarray(Image.open(tmp_path / f'a.{ending}').convert('RGB')).astype(int)
    image, _ = read_image(tmp_path / f'a.{ending}')
    assert image.shape == (16, 24, 3) and np.abs(image[..., ::-1] - expected).max() <= 3


def test_the_content_of_a_file_in_place_of_its_name_is_cut():
    content = b'\x89PNG\r\n' + bytes(range(256)) * 50
    with pytest.raises(SampleError, match=r'no path, but \d+ letters') as told:
        read_image(content.decode('latin-1'))
    assert len(str(told.value)) < 300
